//go:build unix

package acceptance

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// requireSameFields requires that a renewal answers as fully as a read.
func requireSameFields(t *testing.T, before, after credential) {
	t.Helper()
	assert.ElementsMatch(t, keys(before.Data), keys(after.Data))
	for _, name := range []string{"credential_id", "role", "username", "user_id", "client_id", "renew_mode", "token_type"} {
		assert.Equal(t, before.Data[name], after.Data[name], name)
	}
	assert.Equal(t, before.LeaseID, after.LeaseID)
}

func TestRenewByRefresh(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	first := m.read("ci")
	second := m.renew(first, 7200)

	requireSameFields(t, first, second)
	assert.Equal(t, 7200, second.LeaseDuration)
	assert.True(t, second.Renewable)
	assert.NotEqual(t, first.Token, second.Token)
	assert.NotEqual(t, first.TokenID, second.TokenID)
	assert.False(t, m.accepts(first.Token), "the old token")
	assert.True(t, m.accepts(second.Token), "the new token")
	assert.Len(t, m.pm.LiveTokens(), 1)

	third := m.renew(second, 10800)
	assert.False(t, m.accepts(second.Token))
	assert.True(t, m.accepts(third.Token))
	assert.Equal(t, 2, m.pm.Count(processmakertest.RefreshGrant))
	assert.Equal(t, 3, m.pm.Count(processmakertest.AnyToken))

	m.revoke(third)
	assert.Empty(t, m.pm.LiveTokens())
}

// A lease that cannot grow any more is no reason to kill a token.
func TestRenewDoesNotRotateWhatCannotGrow(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("full", fields{"ttl": "1h", "max_ttl": "1h"})
	first := m.read("full")
	again := m.renew(first, 0)
	requireSameFields(t, first, again)
	assert.Equal(t, first.Token, again.Token)
	assert.True(t, again.Renewable)
	assert.LessOrEqual(t, again.LeaseDuration, 3600)
	assert.True(t, m.accepts(again.Token))
	assert.Zero(t, m.pm.Count(processmakertest.RefreshGrant))
}

// A lease ends for good at its role's max_ttl, whatever the client asks for.
func TestRenewEndsAtMaxTTL(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("short", fields{"ttl": "5m", "max_ttl": "10m"})
	for _, mode := range []string{"refresh", "extend"} {
		c := m.read("short", "renew_mode", mode)
		renewed := m.renew(c, 86400)
		assert.LessOrEqual(t, renewed.LeaseDuration, 600, mode)
		assert.Greater(t, renewed.LeaseDuration, 300, mode)
	}
}

// Watchers renew right after the first read; refresh_min_age keeps that from
// killing the token they have just written down.
func TestRenewOfAYoungTokenExtends(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("watched", fields{"refresh_min_age": "10m"})
	first := m.read("watched")
	again := m.renew(first, 7200)
	requireSameFields(t, first, again)
	assert.Equal(t, first.Token, again.Token)
	assert.Equal(t, 7200, again.LeaseDuration)
	assert.Zero(t, m.pm.Count(processmakertest.RefreshGrant))
}

func TestRenewByExtending(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("steady", fields{"renew_mode": "extend"})
	for name, c := range map[string]credential{
		"by role": m.read("steady"), "by query": m.read("ci", "renew_mode", "extend"),
	} {
		calls := m.pm.Count()
		again := m.renew(c, 7200)
		requireSameFields(t, c, again)
		assert.Equal(t, c.Token, again.Token, name)
		assert.Equal(t, 7200, again.LeaseDuration, name)
		assert.True(t, again.Renewable, name)
		assert.Equal(t, calls, m.pm.Count(), "%s: an extension needs no call", name)
	}
}

func TestRenewModeNone(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := m.read("ci", "renew_mode", "none")
	assert.False(t, c.Renewable)
	_, err := m.client.Sys().Renew(c.LeaseID, 7200)
	requireStatus(t, err, http.StatusBadRequest, "not renewable")
	assert.True(t, m.accepts(c.Token))
	m.revoke(c)
	assert.Empty(t, m.pm.LiveTokens())
}

// The refresh token is dead, for whatever reason: the renewal signs in again.
func TestRenewSignsInAgainWhenTheGrantIsDead(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	first := m.read("ci")
	m.pm.RotateAppKey() // no refresh token of before can be read any more
	second := m.renew(first, 7200)
	requireSameFields(t, first, second)
	assert.NotEmpty(t, second.Warnings, "a second login happened")
	assert.True(t, m.accepts(second.Token))
	assert.False(t, m.accepts(first.Token), "the old token lives on with no lease")
	assert.Len(t, m.pm.LiveTokens(), 1)
}

// ProcessMaker is away for a moment, the token is still good: so is the lease.
func TestRenewWhileProcessMakerIsDown(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	first := m.read("ci")
	m.pm.GoOffline()
	again := m.renew(first, 7200)
	requireSameFields(t, first, again)
	assert.Equal(t, first.Token, again.Token)
	assert.NotEmpty(t, again.Warnings)
	require.NoError(t, m.pm.GoOnline())
	assert.True(t, m.accepts(again.Token))
	// For a moment the engine does not ask, having found nobody at home.
	eventually(t, "the lease can be revoked", func() bool { return m.tryRevoke(again) == nil })
	assert.False(t, m.accepts(again.Token))
}

func TestRenewAfterTheRoleIsGone(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	rotating, steady := m.read("ci"), m.read("ci", "renew_mode", "extend")
	m.delete("roles/ci")
	_, err := m.client.Sys().Renew(rotating.LeaseID, 7200)
	requireStatus(t, err, http.StatusBadRequest, "role")
	assert.True(t, m.accepts(rotating.Token), "a refused renewal does no harm")
	assert.Equal(t, steady.Token, m.renew(steady, 7200).Token)
	m.revoke(rotating)
	m.revoke(steady)
	assert.Empty(t, m.pm.LiveTokens())
}

// Another user or another client is another credential: the old chain must not
// go on under the new name.
func TestRenewAfterTheRolesLoginChanged(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := m.read("ci")
	admin := m.pm.User("admin")
	m.write("roles/ci", fields{"username": admin.Username, "password": admin.Password})
	_, err := m.client.Sys().Renew(c.LeaseID, 7200)
	requireStatus(t, err, http.StatusBadRequest, "username")
	assert.Equal(t, "admin", m.read("ci").Data["username"])
}
