package faults

import (
	"fmt"
	"net/http"
	"regexp"
	"sync/atomic"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// trueAnswer is what an exchange of a scene is answered when nothing is wrong.
type trueAnswer struct {
	on    processmakertest.Endpoint
	reply processmakertest.Reply
}

// trueAnswers lets a scene happen.
func trueAnswers(s *scene) (answers []trueAnswer) {
	var on processmakertest.Endpoint
	s.Pm.ResetLog()
	defer s.Pm.Inject(processmakertest.Fault{
		On: processmakertest.Any, Times: -1,
		Match: func(*http.Request) bool {
			made := s.Pm.Exchanges()
			on = made[len(made)-1].Endpoint
			return true
		},
		Do: processmakertest.Rewrite(func(r *processmakertest.Reply) { answers = append(answers, trueAnswer{on, *r}) }),
	})()
	s.act()
	return answers
}

// EveryAnswerMayBeConfused has ProcessMaker do what it is asked, and
// confuses its answer: each field in each type, and the whole in every way. The
// engine then has something that works, or knows that it has not.
func EveryAnswerMayBeConfused(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, prepare := range talkingScenes(mount) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, answer := range trueAnswers(prepare(t)) {
				for what, confuse := range confusionsOf(answer.reply) {
					row := fmt.Sprintf("%d %s/%s", i+1, answer.on, what)
					if !sampled(name + row) {
						continue
					}
					t.Run(row, func(t *testing.T) {
						t.Parallel()
						c := &confused{scene: prepare(t), truth: answer, what: what}
						c.happens(int64(i+1), confuse)
						c.check()
					})
				}
			}
		})
	}
}

// Every exchange that the engine knows is among those that are confused.
func EveryExchangeIsConfused(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	rows, seen := 0, map[processmakertest.Endpoint]bool{}
	for _, prepare := range talkingScenes(mount) {
		for _, answer := range trueAnswers(prepare(t)) {
			rows += len(confusionsOf(answer.reply))
			seen[answer.on] = true
		}
	}
	for _, on := range []processmakertest.Endpoint{
		processmakertest.PasswordGrant, processmakertest.RefreshGrant, processmakertest.AuthorizationCodeGrant,
		processmakertest.CreateToken, processmakertest.ListTokens, processmakertest.ShowToken, processmakertest.DeleteToken,
		processmakertest.ShowUser, processmakertest.ListUsers, processmakertest.ChangePassword,
	} {
		require.True(t, seen[on], on)
	}
	require.Greater(t, rows, 4000)
}

// confused is a scene with a confused answer.
type confused struct {
	*scene
	truth trueAnswer
	what  string

	secrets mounttest.Canaries
	shown   []shownAnswer
	logged  int
	// known and unaccounted are the tokens that were, and were counted, before.
	known       map[string]bool
	unaccounted int64
}

type shownAnswer struct {
	to   string
	resp *logical.Response
	err  error
}

// refuses: also status does so, which finds nothing reachable.
func (s shownAnswer) refuses() bool {
	return mounttest.Status(s.resp, s.err) != 200 || s.resp != nil && s.resp.Data["reachable"] == false
}

// happens lets the scene happen and confuses its nth answer.
func (c *confused) happens(nth int64, confuse confusion) {
	c.T.Helper()
	c.knowSecrets()
	c.known = c.Stored()
	c.unaccounted, c.logged = c.Backend.Engine().Report.Counted(telemetry.LedgerUnaccounted), len(c.Log.String())
	var seen atomic.Int64
	remove := c.Pm.Inject(processmakertest.Fault{
		On: processmakertest.Any, Times: -1,
		Match: func(*http.Request) bool { seen.Add(1); return true },
		Do: processmakertest.Rewrite(func(r *processmakertest.Reply) {
			c.knowSecretsOf(string(r.Body))
			if seen.Load() == nth {
				confuse(r)
			}
		}),
	})
	c.Answered = func(to string, resp *logical.Response, err error) {
		c.shown = append(c.shown, shownAnswer{to, resp, err})
	}
	c.act()
	c.Answered = nil
	remove()
	c.knowSecrets()
	require.GreaterOrEqual(c.T, seen.Load(), nth)
}

// shortestSecret is longer than what stands in a log for other reasons, such
// as the password of the double's administrator.
const shortestSecret = 10

var secretField = regexp.MustCompile(`"(?:access_token|accessToken|refresh_token|verifier)": ?"([^"]+)"`)

func (c *confused) knowSecretsOf(text string) {
	for _, found := range secretField.FindAllStringSubmatch(text, -1) {
		c.secrets.Add("token", found[1])
	}
}

// knowSecrets takes down all secrets that there are now.
func (c *confused) knowSecrets() {
	c.secrets.Add("confused value", mounttest.Canary)
	for _, stored := range c.Snapshot() {
		c.knowSecretsOf(stored)
	}
	for _, l := range c.leases {
		c.secrets.Add("token", l.Token())
	}
	for _, user := range c.Pm.Users() {
		if len(user.Password) > shortestSecret {
			c.secrets.Add("password", user.Password)
		}
	}
	for _, auth := range c.Pm.Clients() {
		if len(auth.Secret) > shortestSecret {
			c.secrets.Add("client secret", auth.Secret)
		}
	}
}

// takenAtItsWord tells of answers that are confused and yet of a form that
// ProcessMaker could have given.
func (c *confused) takenAtItsWord() bool {
	forms := map[processmakertest.Endpoint]string{
		processmakertest.ShowUser:   `^username = text$|^is_administrator = true$`,
		processmakertest.ShowToken:  `^revoked = true$`,
		processmakertest.ListTokens: `^data\.\d+\.(id = text|name = (text|empty text|null))$`,
	}[c.truth.on]
	if forms != "" && regexp.MustCompile(forms).MatchString(c.what) {
		return true
	}
	// Only ProcessMaker could find out that it did not sign them.
	return regexp.MustCompile(`\.jti = (text|number)$|\.sub = number$`).MatchString(c.what)
}
