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
var errOtherSignIn = errors.New("the answer's state is not the one of this sign-in: use the newest address, and only that")

// readRedirect gives the code out of the query of ProcessMaker's redirect.
func readRedirect(query url.Values, begun attempt) (string, error) {
	state := query.Get("state")
	ours := subtle.ConstantTimeCompare([]byte(state), []byte(begun.state)) == 1
	switch {
	case query.Get("error") != "" && (ours || state == ""):
		// ProcessMaker leaves the state out of some errors.
		return "", refusalInWords(query)
	case !ours:
		return "", errOtherSignIn
	case query.Get("code") == "":
		return "", errors.New("ProcessMaker sent no code back")
	}
	return query.Get("code"), nil
}

// refusalInWords quotes what anybody could have put into the address, so that
// it cannot play with the terminal.
func refusalInWords(query url.Values) error {
	kind := query.Get("error")
	if kind == "access_denied" {
		return errors.New("the person did not approve the request at ProcessMaker, so there is nobody signed in (access_denied)")
	}
	var details []string
	for _, name := range []string{"error_description", "hint"} {
		if detail := query.Get(name); detail != "" {
			details = append(details, fmt.Sprintf("%q", detail))
		}
	}
	return fmt.Errorf("ProcessMaker refused the sign-in with %q; it says: %s", kind, strings.Join(details, ", "))
}
