//go:build unix

package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestPersonalTokenAnswer(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	c := m.read("ci")
	assert.True(t, m.accepts(c.Token))
	assert.True(t, c.Renewable)
	for name, want := range (fields{
		"user_id": fmt.Sprint(m.pm.User("alice").ID), "username": "alice", "client_id": "3", "role": "ci",
		"credential_type": "personal_access_token", "renew_mode": "extend", "token_type": "Bearer",
	}) {
		assert.Equal(t, want, c.Data[name], name)
	}
	live := m.livePersonalTokens()
	require.Len(t, live, 1)
	assert.Equal(t, live[0].ID, c.TokenID)
	// The name is what joins ProcessMaker's list with the answer.
	assert.Regexp(t, `^vault:[0-9a-f]{8}:ci:`+c.CredentialID+`$`, live[0].Name)

	calls := m.pm.Count()
	assert.Equal(t, c.Token, m.renew(c, 7200).Token)
	assert.Equal(t, calls, m.pm.Count(), "calls of ProcessMaker by a renewal")
	m.revoke(c)
	assert.Equal(t, map[int]int{http.StatusNoContent: 1}, m.statuses(processmakertest.DeleteToken))
}

// An administrator's session makes tokens of others, who are named by the
// reader's own entity if the role says so.
func TestPersonalTokenOfAnotherUser(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	alice, admin := m.pm.User("alice"), m.pm.User("admin")
	asAdmin := merge(personal, fields{"username": admin.Username, "password": admin.Password})
	m.writeRole("fixed", merge(asAdmin, fields{"user_id": fmt.Sprint(alice.ID)}))
	m.writeRole("own", merge(asAdmin, fields{"user_id": "{{identity.entity.metadata.processmaker_user_id}}"}))
	c := m.read("fixed")
	assert.Equal(t, "alice", c.Data["username"])

	_, err := m.tryRead("own")
	requireStatus(t, err, http.StatusBadRequest, "entity")
	rules := fmt.Sprintf("path %q { capabilities = [\"read\"] }", m.at("creds/own"))
	reader := m.person("reader", rules, map[string]string{"processmaker_user_id": fmt.Sprint(alice.ID)})
	assert.Equal(t, fmt.Sprint(alice.ID), reader.read("own").Data["user_id"])
	powerful := m.person("powerful", rules, map[string]string{"processmaker_user_id": fmt.Sprint(admin.ID)})
	_, err = powerful.tryRead("own")
	requireStatus(t, err, http.StatusBadRequest, "allow_administrators")
	nobody := m.person("nobody", rules, nil)
	_, err = nobody.tryRead("own")
	requireStatus(t, err, http.StatusBadRequest, "metadata")
	for _, token := range m.livePersonalTokens() {
		assert.Equal(t, alice.ID, token.UserID)
	}
}

// The token of a lease is in the lease, so that it ends itself whatever is left
// of the mount.
func TestPersonalTokensAreRevokedAfterReloadAndDeletions(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t, onServer(ownServer(t)))
	// Its leases stay while the first role and the config go.
	m.writeRole("other", personal)
	reloaded, roleless, bare := m.read("ci"), m.read("ci"), m.read("other")
	deleted := 0
	revoke := func(c credential, when string) {
		before := len(m.livePersonalTokens())
		m.revoke(c)
		deleted++
		assert.False(t, m.accepts(c.Token), when)
		assert.Len(t, m.livePersonalTokens(), before-1, when)
	}

	_, err := m.client.Sys().ReloadPlugin(&api.ReloadPluginInput{Mounts: []string{m.path}})
	require.NoError(t, err)
	assert.Equal(t, reloaded.Token, m.renew(reloaded, 7200).Token)
	revoke(reloaded, "after a reload")
	m.revoke(m.read("ci"))
	deleted++
	assert.Equal(t, 2, m.pm.Count(processmakertest.AnyToken), "the sessions of the two roles outlive a reload")

	m.delete("roles/ci")
	assert.Len(t, m.pm.LiveTokens(), 3, "two leases and the session of the role that is left")
	assert.True(t, m.accepts(roleless.Token))
	roleless = m.renew(roleless, 7200) // its answer, and so the lease's data, has no token
	revoke(roleless, "after the role was deleted")

	m.delete("roles/other")
	m.delete("config")
	assert.True(t, m.accepts(bare.Token))
	revoke(bare, "after the config was deleted")
	assert.Empty(t, m.pm.LiveTokens())

	named := 0
	for _, exchange := range m.pm.Exchanges() {
		if exchange.Endpoint == processmakertest.DeleteToken && exchange.Status == http.StatusNoContent {
			named++
		}
	}
	assert.Equal(t, deleted, named, "revocations that ProcessMaker answered with 204")
}

func TestDisablingTheMountEndsSessionsAndWhatTheyMade(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	m.writeRole("app", merge(personal, fields{"rotation_period": "1h"}))
	m.write("roles/imported", importing)
	m.write("roles/people", m.peopleRole())
	m.write("sessions/imported", fields{"refresh_token": requestForms[0].signInAs(m, "alice").RefreshToken})
	m.signIn("people", "alice")
	for _, role := range []string{"ci", "ci", "imported", "people"} {
		m.read(role)
	}
	m.get("static-creds/app")
	require.Len(t, m.pm.LiveTokens(), 4+4+1, "sessions, leases and what is shared")
	require.NoError(t, m.client.Sys().Unmount(m.path))
	m.path = ""
	assert.Empty(t, m.pm.LiveTokens())
}

func TestMissingPersonalAccessClientNamesItsRepair(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	m.pm.RevokeClient(1)
	_, err := m.tryRead("ci")
	require.Error(t, err)
	assert.Contains(t, err.Error(), "php artisan passport:client --personal")
}
