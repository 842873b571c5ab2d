package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Draws is how often a password is drawn again if it has one of ProcessMaker's marks.
const Draws = 20

// Generate makes a password by a Vault password policy, or by the built-in generator where policy
// is empty. The policy's name is not repeated: a secret may have been put into the wrong field.
func (r *Rotator) Generate(ctx context.Context, policy string) (string, error) {
	next := func() (string, error) { return draw(r.Random) }
	if policy != "" {
		next = func() (string, error) { return r.policies.GeneratePasswordFromPolicy(ctx, policy) }
	}
	var unfit error
	for range Draws {
		drawn, err := next()
		switch {
		case err != nil && policy != "":
			r.Report.Log(hclog.Debug, telemetry.Subject{}, "Vault made no password by the password policy", "error", err)
			return "", problem.Refuse("Vault could not make a password by the password_policy of the config: there is no policy of that name at sys/policies/password/, or it takes too long", "Clear password_policy for the built-in generator with \"vault write "+problem.Mount+"config password_policy=\"")
		case err != nil:
			return "", fmt.Errorf("no randomness for a password: %w", err)
		}
		if unfit = Fit(drawn); unfit == nil {
			return drawn, nil
		}
	}
	return "", problem.Refuse(fmt.Sprintf("the password_policy of the config makes passwords that ProcessMaker would not store as they are: %s", unfit), "Change the policy's charset at sys/policies/password/, or clear password_policy for the built-in generator with \"vault write "+problem.Mount+"config password_policy=\"")
}

// Length is far beyond guessing and below every maximum that an instance may have.
const Length = 32

// classes are those that ProcessMaker's own rules ask for by default. The symbols are those that
// neither a shell nor an HTML filter cares about.
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
		lacks := func(class string) bool { return !strings.ContainsAny(string(password), class) }
		if !slices.ContainsFunc(classes[:], lacks) {
			return string(password), nil
		}
	}
}

// Fit refuses passwords that ProcessMaker changes before it stores them: it removes tags and marks
// of placeholders without a word, and trims the confirmation alone. The password is not repeated.
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

// isBlank counts zero-width marks and the byte order mark as blanks, as ProcessMaker does.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || r == '\uFEFF' || r == '\u200B' || r == '\u200E'
}
