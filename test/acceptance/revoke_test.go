//go:build unix

package acceptance

import (
	"net/http"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRevokeEndsTheTokenAtProcessMaker(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	for _, mode := range []string{"refresh", "extend", "none"} {
		c, other := m.read("ci", "renew_mode", mode), m.read("ci")
		m.revoke(c)
		assert.False(t, m.accepts(c.Token), mode)
		assert.True(t, m.accepts(other.Token), "another lease's token")
		m.revoke(other)
		assert.Empty(t, m.pm.LiveTokens(), mode)
		_, err := m.client.Sys().Lookup(c.LeaseID)
		requireStatus(t, err, http.StatusBadRequest)
	}
}

// The token of the last renewal is the one that has to die.
func TestRevokeAfterRenewals(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := m.read("ci")
	for increment := 7200; increment <= 4*7200; increment += 7200 {
		c = m.renew(c, increment)
	}
	m.revoke(c)
	assert.False(t, m.accepts(c.Token))
	assert.Empty(t, m.pm.LiveTokens())
}

func TestRevokeByPrefix(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("other", nil)
	for range 5 {
		m.read("ci")
	}
	kept := m.read("other")
	require.NoError(t, m.client.Sys().RevokeWithOptions(&api.RevokeOptions{
		LeaseID: m.at("creds/ci"), Prefix: true, Sync: true,
	}))
	assert.Len(t, m.pm.LiveTokens(), 1)
	assert.True(t, m.accepts(kept.Token))
}

// A pipeline's Vault token ends, and with it all it was given.
func TestRevokeWithTheVaultTokenThatRead(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	child := m.withPolicy(`path "` + m.at("creds/ci") + `" { capabilities = ["read"] }`)
	c := child.read("ci")
	require.NoError(t, child.client.Auth().Token().RevokeSelf(""))
	eventually(t, "the token is dead", func() bool { return !m.accepts(c.Token) })
}

func TestRevokeAfterTheRoleIsGone(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := m.read("ci")
	m.delete("roles/ci")
	assert.True(t, m.accepts(c.Token))
	m.revoke(c)
	assert.False(t, m.accepts(c.Token))
	assert.Empty(t, m.pm.LiveTokens())
}

func TestRevokeAfterRoleAndConfigAreGone(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c, renewed := m.read("ci"), m.renew(m.read("ci"), 7200)
	m.delete("roles/ci")
	m.delete("config")
	m.revoke(c)
	m.revoke(renewed)
	assert.False(t, m.accepts(c.Token))
	assert.False(t, m.accepts(renewed.Token))
	assert.Empty(t, m.pm.LiveTokens())
}

func TestDisablingTheMountEndsEveryToken(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	var tokens []string
	for _, mode := range []string{"refresh", "extend", "none", "refresh"} {
		tokens = append(tokens, m.read("ci", "renew_mode", mode).Token)
	}
	require.NoError(t, m.client.Sys().Unmount(m.path))
	m.path = ""
	assert.Empty(t, m.pm.LiveTokens())
	for _, token := range tokens {
		assert.False(t, m.accepts(token))
	}
}

// The lease stays until the token is really dead.
func TestRevokeTellsTheTruthWhileProcessMakerIsDown(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := m.read("ci")
	m.pm.GoOffline()
	require.Error(t, m.tryRevoke(c))
	_, err := m.client.Sys().Lookup(c.LeaseID)
	require.NoError(t, err, "the lease is gone although its token may be alive")

	require.NoError(t, m.pm.GoOnline())
	eventually(t, "the revocation succeeds", func() bool { return m.tryRevoke(c) == nil })
	assert.False(t, m.accepts(c.Token))
	assert.Empty(t, m.pm.LiveTokens())
}

// Somebody ended the token by hand: nothing is left to do, and that is no error.
func TestRevokeOfATokenThatIsDeadAlready(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := m.read("ci")
	m.pm.RevokeTokenByID(c.TokenID)
	m.revoke(c)
	_, err := m.client.Sys().Lookup(c.LeaseID)
	requireStatus(t, err, http.StatusBadRequest)
}
