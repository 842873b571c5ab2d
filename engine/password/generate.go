package password

import (
	"context"
	"fmt"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// passwordDraws is how often a password may be drawn again. A policy with
// ProcessMaker's marks among its symbols still gives one without them now and
// then.
const Draws = 20

// Generate makes a password by a Vault password policy, or by the built-in
// generator where policy is empty. The policy's name is not repeated: a secret may
// have been put into the wrong field.
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
			return "", problem.Refuse("Vault could not make a password by the password_policy of the config: there is no policy of that name at sys/policies/password/, or it takes too long", "Clear password_policy for the built-in generator")
		case err != nil:
			return "", fmt.Errorf("no randomness for a password: %w", err)
		}
		if unfit = Fit(drawn); unfit == nil {
			return drawn, nil
		}
	}
	return "", problem.Refuse(fmt.Sprintf("the password_policy of the config makes passwords that ProcessMaker would not store as they are: %s", unfit), "Change the policy's charset at sys/policies/password/, or clear password_policy for the built-in generator")
}
