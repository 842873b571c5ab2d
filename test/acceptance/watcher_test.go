//go:build unix

package acceptance

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// buildExample compiles one of the example programs.
func buildExample(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "../../examples/"+name)
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// The model client takes tokens from renewals, so that refresh suits it: not one
// of its calls fails, though every few seconds its token dies.
func TestModelClientUnderRefresh(t *testing.T) {
	t.Parallel()
	m := consumerMount(t, fields{"renew_mode": "refresh", "refresh_min_age": "1s", "ttl": "4s", "max_ttl": "10s"})
	// Once, the answer to a refresh is slow: calls fall between the death of the
	// old token and the arrival of the new.
	release := make(chan struct{})
	m.pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.HoldAnswer(release)})

	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(ca, []byte(m.pm.CACertPEM()), 0o600))

	cmd := exec.Command(buildExample(t, "go-client"), "-path", m.at("creds/app"), "-ca", ca, "-every", "50ms",
		"-url", fmt.Sprintf("%s/api/1.0/users/%d", m.pm.URL(), m.pm.User("alice").ID))
	cmd.Env = cleanEnvironment("HOME="+dir, "VAULT_ADDR="+m.server.Address, "VAULT_TOKEN="+m.server.RootToken)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	client, err := startProcess(cmd)
	require.NoError(t, err)
	t.Cleanup(client.killGroup)

	eventually(t, "a call is overtaken by a refresh", func() bool { return m.refusals() > 0 })
	close(release)
	// Several refreshes, and more than one lease.
	eventually(t, "six refreshes and three logins", func() bool {
		return m.pm.Count(processmakertest.RefreshGrant) >= 6 && m.pm.Count(processmakertest.PasswordGrant) >= 3
	})
	// At its end it ends its lease; the one before may still have some seconds.
	client.signal(syscall.SIGTERM)
	select {
	case <-client.done:
	case <-time.After(patience):
		t.Fatal("the client did not end")
	}
	require.NoError(t, client.err, stderr.String())

	calls, refused := 0, 0
	for _, line := range strings.Fields(stdout.String()) {
		switch line {
		case "200":
			calls++
		case "401":
			refused++
		}
	}
	refusals, refreshes := m.refusals(), m.pm.Count(processmakertest.RefreshGrant)
	logins := m.pm.Count(processmakertest.PasswordGrant)
	t.Logf("%d calls answered, %d refused, %d sent again; refreshes %d, logins %d", calls, refused, refusals, refreshes, logins)
	assert.GreaterOrEqual(t, calls, 100)
	assert.Zero(t, refused, "a call failed for want of a live token")
	assert.Contains(t, stdout.String(), fmt.Sprintf("refused=0 repeated=%d\n", refusals), "calls that were sent again")
	assert.NotZero(t, refusals)
	assert.LessOrEqual(t, refusals, refreshes, "more than the one call that a refresh can overtake")
	assert.LessOrEqual(t, logins, refreshes, "a login for each token, so the renewals' tokens were not used")
	eventually(t, "all its tokens are dead", func() bool { return len(m.pm.LiveTokens()) == 0 })
}

// refusals counts the calls that ProcessMaker refused for their token.
func (m *mount) refusals() (count int) {
	for _, exchange := range m.pm.Exchanges() {
		if exchange.Endpoint == processmakertest.ShowUser && exchange.Status == http.StatusUnauthorized {
			count++
		}
	}
	return count
}

// A lease that grows by a second each second for 20 s: ProcessMaker hears
// nothing of it.
func TestExtendingCallsNobody(t *testing.T) {
	t.Parallel()
	m := consumerMount(t, fields{"renew_mode": "extend", "ttl": "30s", "max_ttl": "1h"})
	c := m.read("app")
	calls := m.pm.Count()
	for range 20 {
		time.Sleep(time.Second)
		again := m.renew(c, 30)
		require.Equal(t, c.Token, again.Token)
		require.InDelta(t, 30, again.LeaseDuration, 1)
		require.True(t, again.Renewable)
	}
	assert.Equal(t, calls, m.pm.Count(), "calls of ProcessMaker by 20 renewals")
	assert.True(t, m.accepts(c.Token))
}
