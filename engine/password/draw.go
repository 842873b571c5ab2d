package password

import (
	"crypto/rand"
	"errors"
	"io"
	"math/big"
	"strings"
	"unicode"
)

// passwordLength is far beyond guessing and below every maximum that an instance may
// have been given.
const Length = 32

// classes are those that ProcessMaker's own rules ask for by default. The
// symbols are those that neither a shell nor an HTML filter cares about.
var classes = [...]string{
	"abcdefghijklmnopqrstuvwxyz",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"0123456789",
	"!#%*+-.:=?@_~",
}

// draw draws until every class of characters is there.
func draw(random io.Reader) (string, error) {
	alphabet := strings.Join(classes[:], "")
	size := big.NewInt(int64(len(alphabet)))
	for {
		password := make([]byte, Length)
		for i := range password {
			at, err := rand.Int(random, size)
			if err != nil {
				return "", err
			}
			password[i] = alphabet[at.Int64()]
		}
		if hasEveryClass(string(password)) {
			return string(password), nil
		}
	}
}

func hasEveryClass(password string) bool {
	for _, class := range classes {
		if !strings.ContainsAny(password, class) {
			return false
		}
	}
	return true
}

// fit refuses passwords that ProcessMaker changes before it stores them: it
// removes tags and the marks of placeholders without a word, and trims the
// confirmation but not the password. The password itself is not repeated.
func Fit(password string) error {
	switch {
	case password == "":
		return errors.New("they are empty")
	case strings.ContainsAny(password, "<>{}"):
		return errors.New("they have one of the characters < > { }")
	case strings.TrimFunc(password, isBlank) != password:
		return errors.New("they begin or end with a blank")
	case strings.ContainsFunc(password, unicode.IsControl):
		return errors.New("they have control characters")
	default:
		return nil
	}
}

// isBlank counts the zero-width marks and the byte order mark among the blanks,
// as ProcessMaker does.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || r == '\uFEFF' || r == '\u200B' || r == '\u200E'
}
