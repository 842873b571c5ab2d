package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/internal/password"
)

// passwordDraws is how often a password may be drawn again. A policy with
// ProcessMaker's marks among its symbols still gives one without them now and
// then.
const passwordDraws = 20

// newPassword makes one as the mount's password policy says. The policy's name
// is not repeated: a secret may have been put into the wrong field.
func (b *backend) newPassword(ctx context.Context, policy string) (string, error) {
	draw := func() (string, error) { return password.Draw(b.random) }
	if policy != "" {
		draw = func() (string, error) { return b.System().GeneratePasswordFromPolicy(ctx, policy) }
	}
	var unfit error
	for range passwordDraws {
		drawn, err := draw()
		switch {
		case err != nil && policy != "":
			b.log(hclog.Debug, about{}, "Vault made no password by the password policy", "error", err)
			return "", &refusal{"Vault could not make a password by the password_policy of the config: there is no policy of that name at sys/policies/password/, or it takes too long", "Clear password_policy for the built-in generator"}
		case err != nil:
			return "", fmt.Errorf("no randomness for a password: %w", err)
		}
		if unfit = password.Fit(drawn); unfit == nil {
			return drawn, nil
		}
	}
	return "", &refusal{fmt.Sprintf("the password_policy of the config makes passwords that ProcessMaker would not store as they are: %s", unfit), "Change the policy's charset at sys/policies/password/, or clear password_policy for the built-in generator"}
}
