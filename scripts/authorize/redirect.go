package main

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// errOtherSignIn is the refusal of an answer that belongs to another sign-in,
// or that somebody made up to slip the person a code of theirs (RFC 6749 §10.12).
var errOtherSignIn = errors.New("this answer does not belong to the sign-in that waits: its state is missing or wrong")

// readRedirect gives the code out of the query of ProcessMaker's redirect. Only
// an answer with the state of this sign-in can end it. ProcessMaker leaves the
// state out of some errors: those are shown, and the sign-in goes on, because
// anybody can send a browser to such an address.
func readRedirect(query url.Values, begun attempt) (string, error) {
	state := query.Get("state")
	ours := subtle.ConstantTimeCompare([]byte(state), []byte(begun.state)) == 1
	refused := query.Get("error") != ""
	switch {
	case !ours && state == "" && refused:
		return "", fmt.Errorf("%w; it says: %w", errOtherSignIn, refusal(query))
	case !ours:
		return "", errOtherSignIn
	case refused:
		return "", refusal(query)
	case query.Get("code") == "":
		return "", errors.New("ProcessMaker's answer has no code")
	}
	return query.Get("code"), nil
}

// refusal quotes the parameters, so that an address that somebody made up cannot
// send control characters to the terminal.
func refusal(query url.Values) error {
	kind := query.Get("error")
	if kind == "access_denied" {
		return errors.New("the request was not approved at ProcessMaker (access_denied)")
	}
	var details []string
	for _, name := range []string{"error_description", "hint"} {
		if detail := query.Get(name); detail != "" {
			details = append(details, fmt.Sprintf("%q", detail))
		}
	}
	if len(details) == 0 {
		return fmt.Errorf("ProcessMaker refused the sign-in with %q", kind)
	}
	return fmt.Errorf("ProcessMaker refused the sign-in with %q: %s", kind, strings.Join(details, ", "))
}
