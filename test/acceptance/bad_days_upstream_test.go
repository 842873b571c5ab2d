//go:build unix

package acceptance

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// loggedLines are the lines of the server's log about this mount that hold a text.
func (m *mount) loggedLines(text string) (lines []string) {
	m.t.Helper()
	log, err := os.ReadFile(m.server.LogPath)
	require.NoError(m.t, err)
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, text) && strings.Contains(line, m.path) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestBadDayProcessMakerIsDown(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	d := m.badDay("ProcessMaker is down")
	kept, expiring := m.read("worker"), m.read("worker", "ttl", "2")
	d.fill("lease_id", kept.LeaseID)
	m.pm.GoOffline()

	d.hears(d.fails("vault read processmaker/creds/worker"))
	d.hears(d.run("vault read processmaker/status"))
	d.hears(d.run("vault lease renew -increment=2h <lease_id>"))
	d.hears(d.fails("vault lease revoke -sync <lease_id>"))
	eventually(t, "Vault has tried to revoke what expired", func() bool {
		counters := m.get("status")["counters"].(fields)
		return asNumber(t, counters["creds_revoke_failed"]) > 1
	})
	_, err := m.client.Sys().Lookup(expiring.LeaseID)
	require.NoError(t, err, "the lease is gone although its token lives")

	require.NoError(t, m.pm.GoOnline())
	eventually(t, "what expired is ended", func() bool { return !m.accepts(expiring.Token) })
	eventually(t, "the breaker lets requests through", func() bool {
		return strings.Contains(words(d.run("vault read processmaker/status")), "reachable true")
	})
	d.hears(d.run("vault read processmaker/status"))
	assert.True(t, m.accepts(kept.Token), "a revocation that failed has ended a token")
	d.run("vault lease revoke -sync <lease_id>")
	d.hears(d.run("vault read sys/leases/count type=irrevocable"))
	assert.Empty(t, m.pm.LiveTokens())
	d.run("vault read processmaker/creds/worker")
}

func TestBadDayMaintenance(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	d := m.badDay("ProcessMaker is in maintenance mode")
	kept := m.read("worker")
	d.fill("lease_id", kept.LeaseID)
	up := m.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: -1, Do: processmakertest.Maintenance(0)})
	d.hears(d.fails("vault read processmaker/creds/worker"))
	d.hears(d.run("vault lease renew -increment=2h <lease_id>"))
	d.hears(d.fails("vault lease revoke -sync <lease_id>"))
	d.hears(d.run("vault read processmaker/status"))
	up()
	assert.True(t, m.accepts(kept.Token))
	d.hears(d.run("vault read processmaker/status"))
	d.run("vault lease revoke -sync <lease_id>")
	assert.Empty(t, m.pm.LiveTokens())
	d.run("vault read processmaker/creds/worker")
}

func TestBadDayBadGateway(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	d := m.badDay("The web server answers 502")
	kept := m.read("worker")
	d.fill("lease_id", kept.LeaseID)
	start := m.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: -1, Do: processmakertest.BadGateway()})
	d.hears(d.fails("vault read processmaker/creds/worker"))
	d.hears(d.run("vault read processmaker/status"))
	eventually(t, "one request may try", func() bool { return m.get("status")["breaker"] == "half_open" })
	d.hears(d.run("vault lease renew -increment=2h <lease_id>"))
	start()
	eventually(t, "the breaker lets requests through", func() bool {
		return strings.Contains(words(d.run("vault read processmaker/status")), "reachable true")
	})
	d.hears(d.run("vault read processmaker/status"))
	renewed := m.renew(kept, 7200)
	assert.True(t, m.accepts(renewed.Token))
	assert.NotContains(t, strings.Join(renewed.Warnings, " "), "could not be")
	d.run("vault read processmaker/creds/worker")
}

func TestBadDayTokenCallsUsedUp(t *testing.T) {
	t.Parallel()
	m := newMount(t, throttled(2))
	m.writeConfig(fields{"token_requests_per_minute": 2})
	d := m.badDay("The token calls are used up")
	m.read("worker")
	m.read("worker")
	d.hears(d.fails("vault read processmaker/creds/worker"))
	d.hears(d.run("vault read processmaker/status"))
	// This server does not allow more: it is ProcessMaker that says so now.
	d.run("vault write processmaker/config token_requests_per_minute=600")
	d.hears(d.fails("vault read processmaker/creds/worker"))
	assert.Equal(t, 1, m.statuses(processmakertest.PasswordGrant)[http.StatusTooManyRequests])
}

func TestBadDayLostAnswer(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	d := m.badDay("The answer to a login was lost")
	kept := m.read("worker")
	m.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: processmakertest.LoseAnswer()})
	d.fails("vault read processmaker/creds/worker")
	d.hears(d.run("vault read processmaker/status"))
	eventually(t, "the log tells", func() bool {
		return d.heardIn(strings.Join(m.loggedLines("unaccounted"), " ")) || d.heardIn(strings.Join(m.loggedLines("lost"), " "))
	})
	require.Len(t, m.pm.UnreadTokens(), 1, "the token that nobody holds")
	require.Len(t, m.pm.LiveTokens(), 2)

	d.revokedByConsole(passwordClient)
	eventually(t, "the breaker lets requests through", func() bool { return m.get("status")["breaker"] == "closed" })
	_, ended, failed := m.endAll(fields{"all": true})
	assert.Equal(t, []int64{1, 0}, []int64{ended, failed})
	d.run("vault write processmaker/credentials/revoke all=true")
	assert.Empty(t, m.pm.LiveTokens())
	_, err := m.client.Sys().Renew(kept.LeaseID, 7200)
	requireStatus(t, err, http.StatusBadRequest, "read the role again")
	d.run("vault read processmaker/creds/worker")
}

// revokedByConsole does what ProcessMaker's console command does with the tokens
// of a client.
func (d *badDay) revokedByConsole(client int64) {
	for _, token := range d.pm.LiveTokens() {
		if token.ClientID == client {
			d.pm.RevokeTokenByID(token.ID)
		}
	}
}

func TestBadDayMountCannotBeDisabled(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.writeRole("shared", fields{"rotation_period": "1h"})
	m.writeRole("jobs", personal)
	d := m.badDay("The mount cannot be disabled")
	leased, named := m.read("worker"), m.read("jobs")
	m.get("static-creds/shared")
	session := m.sessionToken("jobs")
	m.pm.GoOffline()
	d.hears(d.fails("vault secrets disable processmaker"))
	d.run("vault lease revoke -force -prefix processmaker/")
	d.run("vault secrets disable processmaker")
	assert.NotContains(t, d.run("vault secrets list"), m.path)
	m.leftovers = true

	// The log tells of each token that lives on, sessions included, so that
	// each can be ended by hand.
	logged := strings.Join(m.loggedLines("by hand"), "\n")
	d.hears(logged)
	require.NoError(t, m.pm.GoOnline())
	live := m.pm.LiveTokens()
	require.Len(t, live, 4, "a lease of each role, the shared one, and the session")
	for _, token := range live {
		if token.Name != "" {
			assert.Contains(t, logged, token.Name)
		} else {
			assert.Contains(t, logged, token.ID)
		}
	}
	assert.Contains(t, logged, session)
	assert.NotContains(t, logged, leased.Token)
	assert.NotContains(t, logged, named.Token)
	m.path = ""
}

// Once ProcessMaker is back, disabling again leaves nothing alive.
func TestDisablingAgainAfterAnOutage(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	m.writeRole("leased", nil)
	m.read("ci")
	m.read("leased")
	m.pm.GoOffline()
	require.Error(t, m.client.Sys().Unmount(m.path))
	require.NoError(t, m.pm.GoOnline())
	eventually(t, "the mount can be disabled", func() bool { return m.client.Sys().Unmount(m.path) == nil })
	m.path = ""
	assert.Empty(t, m.pm.LiveTokens())
}
