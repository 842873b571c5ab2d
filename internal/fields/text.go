package fields

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// longestText is far above any address, name or secret that ProcessMaker
	// knows, and far below what storage takes.
	longestText = 4 << 10
	// longestPEM has room for the root certificates of a whole system.
	longestPEM = 256 << 10
)

// checkLength refuses a text that is too long, or that storage would change.
func checkLength(name, text string, longest int) error {
	switch {
	case len(text) > longest:
		return fmt.Errorf("%s has %d bytes, and %d are possible", name, len(text), longest)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s is not UTF-8", name)
	default:
		return nil
	}
}

// checkLine refuses what cannot stand in one line: it would break out of a
// header, a log or a table.
func checkLine(name, text string) error {
	if err := checkLength(name, text, longestText); err != nil {
		return err
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("%s holds a line break or another control character", name)
	}
	return nil
}

// checkVisible also refuses characters that nobody sees: with them, two
// addresses that look the same are not.
func checkVisible(name, text string) error {
	if err := checkLine(name, text); err != nil {
		return err
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Cf, r) }) {
		return fmt.Errorf("%s holds an invisible character", name)
	}
	return nil
}

// checkSecret refuses a secret that ends a line: it was read from a file or a
// pipe together with its line break, which is hardly ever meant.
func checkSecret(name, text string) error {
	if err := checkLength(name, text, longestText); err != nil {
		return err
	}
	if strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\r") {
		return fmt.Errorf("%s ends in a line break: write it without one, for example with printf %%s", name)
	}
	return nil
}

// checkScopes allows what RFC 6749 §3.3 does: a blank would make two of one.
func checkScopes(name string, scopes []string) error {
	if err := checkLength(name, strings.Join(scopes, " "), longestText); err != nil {
		return err
	}
	for _, scope := range scopes {
		if scope == "" || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return fmt.Errorf("%s holds one that is empty or has a character that scopes cannot have", name)
		}
	}
	return nil
}
