//go:build unix

package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	double "vault-plugin-secrets-processmaker/client/processmakertest"
)

const (
	// chaosPatience is longer than the pauses between the times that Vault tries
	// a revocation, and than a minute after the last deadline.
	chaosPatience = 4 * time.Minute
	chaosPause    = time.Second
	// chaosTimeout is the request_timeout of the mounts.
	chaosTimeout = 2 * time.Second
	// storing is how long the engine tries to store an answer.
	storing = 5 * time.Second
)

// soon waits until there is no error.
func (m *mount) soon(what string, try func() error) {
	m.t.Helper()
	m.soonEvery(chaosPause, what, try)
}

func (m *mount) soonEvery(pause time.Duration, what string, try func() error) {
	m.t.Helper()
	var err error
	for deadline := time.Now().Add(chaosPatience); time.Now().Before(deadline); time.Sleep(pause) {
		if err = try(); err == nil {
			return
		}
	}
	m.t.Fatalf("not within %s: %s: %s", chaosPatience, what, err)
}

// requireNothingLost requires that every role works, and that, once all leases
// have ended and all deadlines are over, nothing is alive that nobody knows, and
// nothing irrevocable.
func (c *chaos) requireNothingLost() {
	c.t.Helper()
	c.t.Logf("load: %s", c.report())
	c.requireRolesWork()
	c.settle()
	c.requireCensus()
	assert.Zero(c.t, c.irrevocable(), "irrevocable leases")
}

// requireEnd disables the mount and requires that this ends the rest.
func (c *chaos) requireEnd() {
	c.t.Helper()
	require.NoError(c.t, c.client.Sys().Unmount(c.path))
	c.path = ""
	for _, token := range c.pm.LiveTokens() {
		assert.NotEmpty(c.t, c.excuse(token), "alive although the mount is disabled: %+v", token)
	}
}

// settle waits until no lease is left, and until tidy has ended all that the
// ledger knows.
func (c *chaos) settle() {
	c.t.Helper()
	c.soon("every lease has ended", func() error {
		for _, role := range leasingRoles {
			listed, err := c.client.Logical().List("sys/leases/lookup/" + c.at("creds/"+role))
			if err != nil {
				return err
			}
			if listed != nil {
				left := listed.Data["keys"].([]any)
				one, err := c.client.Sys().Lookup(c.at("creds/"+role) + "/" + left[0].(string))
				if err != nil {
					return err
				}
				return fmt.Errorf("%d leases of %s are left, one of them: %v", len(left), role, one.Data)
			}
		}
		return nil
	})
	c.soon("tidy has ended everything", func() error {
		secret, err := c.client.Logical().Write(c.at("tidy"), nil)
		if err != nil {
			return err
		}
		if secret.Data["failed"] != json.Number("0") {
			return fmt.Errorf("tidy failed to end %s", secret.Data["failed"])
		}
		left, err := c.ledgerSize()
		if err == nil && left > 0 {
			err = fmt.Errorf("%d records are left in the ledger", left)
		}
		return err
	})
}

// ledgerSize is the number of minutes that the ledger has records for.
func (c *chaos) ledgerSize() (int, error) {
	mounted, err := c.client.Logical().Read("sys/mounts/" + c.path)
	if err != nil {
		return 0, err
	}
	listed, err := c.client.Logical().List(fmt.Sprintf("sys/raw/logical/%s/ledger/", mounted.Data["uuid"]))
	if err != nil || listed == nil {
		return 0, err
	}
	return len(listed.Data["keys"].([]any)), nil
}

// excuse says why nobody can be blamed for a live token, empty if somebody can.
// Only sign-ins have one: a personal access token has a name, by which it can be
// found whatever has become of the answer.
func (c *chaos) excuse(token double.Token) string {
	if token.Name != "" {
		return ""
	}
	if !token.AnswerRead {
		return "answer never read"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, held := c.handedOut[token.ID]; held {
		return ""
	}
	for _, exchange := range c.pm.Exchanges() {
		// On a busy machine the answer may arrive in the very moment of the time-out.
		if exchange.TokenID == token.ID && token.CreatedAt.Sub(exchange.At) > chaosTimeout {
			return "made after the engine had given up"
		}
	}
	for _, kill := range c.kills {
		if token.CreatedAt.Sub(kill).Abs() < storing {
			return "answer read by a process that was killed before it had stored it"
		}
	}
	return ""
}

// requireCensus requires that, with no lease and no record left, only sessions
// are alive, and sign-ins whose answer has come to nobody.
func (c *chaos) requireCensus() {
	c.t.Helper()
	stored := c.storedBooks().ids
	subtracted := map[string]int{}
	sessions, remainder := 0, 0
	live := c.pm.LiveTokens()
	for _, token := range live {
		excuse := c.excuse(token)
		switch {
		case strings.HasPrefix(stored[token.ID], "session/"):
			sessions++
		case excuse != "":
			subtracted[token.Grant+", "+excuse]++
		default:
			remainder++
			c.t.Errorf("a token that nothing knows lives on: %+v", token)
		}
	}
	c.t.Logf("census: %d live, %d of sessions, subtracted %v, remainder %d", len(live), sessions, subtracted, remainder)
}

// requireRolesWork requires that every role issues, renews and ends. What went
// wrong just before may be remembered for some seconds.
func (c *chaos) requireRolesWork() {
	c.t.Helper()
	for _, role := range leasingRoles {
		c.soon("role "+role+" works", func() error {
			issued, err := c.tryRead(role)
			if err != nil {
				return err
			}
			renewed, err := c.client.Sys().Renew(issued.LeaseID, 0)
			if err != nil {
				return err
			}
			token, _ := renewed.Data["access_token"].(string)
			if token == "" && issued.Data["renew_mode"] != "refresh" {
				token, _ = issued.Data["access_token"].(string)
			}
			if !c.accepts(token) {
				return errors.New("after a renewal the reader has a dead token")
			}
			return c.tryRevoke(credential{Secret: &api.Secret{LeaseID: issued.LeaseID}})
		})
	}
	for _, role := range sharingRoles {
		c.soon("role "+role+" works", func() error {
			secret, err := c.client.Logical().Read(c.at("static-creds/" + role))
			if err != nil {
				return err
			}
			if token, _ := secret.Data["access_token"].(string); !c.accepts(token) {
				return errors.New("a dead token is shared")
			}
			return nil
		})
	}
}

// irrevocable is the number of leases that Vault has given up.
func (m *mount) irrevocable() int64 {
	m.t.Helper()
	counted, err := m.client.Logical().ReadWithData("sys/leases/count", map[string][]string{"type": {"irrevocable"}})
	require.NoError(m.t, err)
	count, err := counted.Data["lease_count"].(json.Number).Int64()
	require.NoError(m.t, err)
	return count
}
