package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"unicode"

	"github.com/hashicorp/go-hclog"
)

const (
	// passwordLength is far beyond guessing and below every maximum that an
	// instance may have been given.
	passwordLength = 32
	// passwordDraws is how often a password may be drawn again. A policy with
	// ProcessMaker's marks among its symbols still gives one without them now
	// and then.
	passwordDraws = 20
)

// passwordClasses are what ProcessMaker's own rules ask for by default. The
// symbols are those that neither a shell nor an HTML filter cares about.
var passwordClasses = [...]string{
	"abcdefghijklmnopqrstuvwxyz",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"0123456789",
	"!#%*+-.:=?@_~",
}

// newPassword makes one as the mount's password policy says. The policy's name
// is not repeated: a secret may have been put into the wrong field.
func (b *backend) newPassword(ctx context.Context, policy string) (string, error) {
	draw := func() (string, error) { return drawPassword(b.random) }
	if policy != "" {
		draw = func() (string, error) { return b.System().GeneratePasswordFromPolicy(ctx, policy) }
	}
	var unfit error
	for range passwordDraws {
		password, err := draw()
		switch {
		case err != nil && policy != "":
			b.log(hclog.Debug, about{}, "Vault made no password by the password policy", "error", err)
			return "", &refusal{"Vault could not make a password by the password_policy of the config: there is no policy of that name at sys/policies/password/, or it takes too long", "Clear password_policy for the built-in generator"}
		case err != nil:
			return "", fmt.Errorf("no randomness for a password: %w", err)
		}
		if unfit = fitPassword(password); unfit == nil {
			return password, nil
		}
	}
	return "", &refusal{fmt.Sprintf("the password_policy of the config makes passwords that ProcessMaker would not store as they are: %s", unfit), "Change the policy's charset at sys/policies/password/, or clear password_policy for the built-in generator"}
}

// drawPassword draws until every class of characters is there.
func drawPassword(random io.Reader) (string, error) {
	alphabet := strings.Join(passwordClasses[:], "")
	size := big.NewInt(int64(len(alphabet)))
	for {
		password := make([]byte, passwordLength)
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
	for _, class := range passwordClasses {
		if !strings.ContainsAny(password, class) {
			return false
		}
	}
	return true
}

// fitPassword refuses what ProcessMaker changes before it stores a password: it
// removes tags and the marks of placeholders without a word, and trims the
// confirmation but not the password. The password itself is not repeated.
func fitPassword(password string) error {
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
