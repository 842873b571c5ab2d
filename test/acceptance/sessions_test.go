//go:build unix

package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestSessionsAreShownAndEnded(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	m.writeRole("second", personal)
	assert.Nil(t, m.get("sessions/ci"))
	assert.Empty(t, m.list("sessions"))
	requireStatus(t, m.tryWrite("sessions/ci", fields{"refresh_token": "x"}), http.StatusBadRequest, "password")
	requireStatus(t, m.tryWrite("authorize/ci", nil), http.StatusBadRequest, "authorization_code")
	c := m.read("ci")
	m.read("second")
	assert.Equal(t, []string{"ci", "second"}, m.list("sessions"))

	session := m.get("sessions/ci")
	assert.ElementsMatch(t, []string{
		"state", "user_id", "username", "client_id", "created_time", "last_refresh_time", "token_expire_time", "last_error",
	}, keys(session), "a field that the contract does not have could hold a token")
	for name, want := range (fields{
		"state": "active", "user_id": fmt.Sprint(m.pm.User("alice").ID), "username": "alice",
		"client_id": fmt.Sprint(passwordClient), "last_error": "",
	}) {
		assert.Equal(t, want, session[name], name)
	}

	ended := m.sessionToken("ci")
	m.delete("sessions/ci")
	assert.Nil(t, m.get("sessions/ci"))
	assert.Equal(t, []string{"second"}, m.list("sessions"))
	for _, token := range m.pm.LiveTokens() {
		assert.NotEqual(t, ended, token.ID)
	}
	assert.Len(t, m.pm.LiveTokens(), 3, "two leases and the other role's session")
	assert.True(t, m.accepts(c.Token), "a lease outlives the session that made it")
	m.delete("sessions/ci") // nothing is left to end
	m.read("ci")            // it starts again by itself
	assert.Equal(t, 3, m.pm.Count(processmakertest.PasswordGrant))
	assert.Empty(t, m.unaccounted())
}

// A policy tells those who may see a session from those who may begin or end it.
func TestACLOfSessions(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	m.read("ci")
	reader := m.allowed("sessions/ci", "read")
	assert.Equal(t, "active", reader.get("sessions/ci")["state"])
	assert.True(t, isForbidden(reader.tryWrite("sessions/ci", fields{"refresh_token": "x"})))
	_, err := reader.client.Logical().Delete(m.at("sessions/ci"))
	assert.True(t, isForbidden(err))
	writer := m.allowed("sessions/ci", "update")
	requireStatus(t, writer.tryWrite("sessions/ci", fields{"refresh_token": "x"}), http.StatusBadRequest)
	m.allowed("sessions/ci", "delete").delete("sessions/ci")
	assert.Nil(t, m.get("sessions/ci"))
}

// What changes whose tokens a role hands out ends its session.
func TestChangedRolesLoseTheirSession(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	m.read("ci")
	m.write("roles/ci", fields{"ttl": "5m"})
	require.Equal(t, []string{"ci"}, m.list("sessions"), "a change that matters to no session")
	second := m.pm.AddUser(processmakertest.User{Username: "second"})
	before := m.sessionToken("ci")
	m.write("roles/ci", fields{"username": second.Username, "password": second.Password})
	assert.Empty(t, m.list("sessions"))
	for _, token := range m.pm.LiveTokens() {
		assert.NotEqual(t, before, token.ID)
	}
	assert.Len(t, m.pm.LiveTokens(), 1, "the lease's")
	assert.Equal(t, "second", m.read("ci").Data["username"])
	m.delete("roles/ci")
	assert.Empty(t, m.list("sessions"))
	assert.Len(t, m.pm.LiveTokens(), 2, "the leases'")
}
