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

func TestRolesAreListedReadAndDeleted(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.writeConfig(nil)
	m.writeRole("ci", nil)
	m.writeRole("nightly", fields{"ttl": "10m", "max_ttl": "2h", "renew_mode": "extend"})

	list, err := m.client.Logical().List(m.at("roles"))
	require.NoError(t, err)
	assert.ElementsMatch(t, []any{"ci", "nightly"}, list.Data["keys"])

	ci := m.get("roles/ci")
	assert.Equal(t, "alice", ci["username"])
	assert.Equal(t, true, ci["password_set"])
	assert.Equal(t, "password", ci["grant_type"])
	assert.Equal(t, "access_token", ci["credential_type"])
	assert.Equal(t, "refresh", ci["renew_mode"])
	assert.Equal(t, "3600", fmt.Sprint(ci["ttl"]))
	assert.Equal(t, "86400", fmt.Sprint(ci["max_ttl"]))
	assert.Equal(t, "0", fmt.Sprint(ci["refresh_min_age"]))
	assert.NotContains(t, ci, "password")
	assert.NotContains(t, ci, "client_secret")
	nightly := m.get("roles/nightly")
	assert.Equal(t, "600", fmt.Sprint(nightly["ttl"]))
	assert.Equal(t, "extend", nightly["renew_mode"])

	m.delete("roles/nightly")
	assert.Nil(t, m.get("roles/nightly"))
	assert.Nil(t, m.get("roles/never-written"))
}

func TestRolesKeepWhatAWriteDoesNotName(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.write("roles/ci", fields{"ttl": "5m"})
	role := m.get("roles/ci")
	assert.Equal(t, "300", fmt.Sprint(role["ttl"]))
	assert.Equal(t, "alice", role["username"])
	assert.Equal(t, 300, m.read("ci").LeaseDuration)

	m.patch("roles/ci", fields{"ttl": "6m"})
	assert.Equal(t, "360", fmt.Sprint(m.get("roles/ci")["ttl"]))
	m.patch("roles/ci", fields{"ttl": nil})
	assert.Equal(t, "3600", fmt.Sprint(m.get("roles/ci")["ttl"]), "null clears")
}

func TestRolesPatchNeedsARole(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	require.Error(t, m.tryPatch("roles/new", m.roleFields(nil)))
	assert.Nil(t, m.get("roles/new"))
}

func TestRolesRefusedWritesChangeNothing(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.refusesChanges("roles/ci", map[string]refusedChange{
		"grant":              {fields{"grant_type": "implicit"}, "grant_type"},
		"credential":         {fields{"credential_type": "cookie"}, "credential_type"},
		"mode":               {fields{"renew_mode": "sometimes"}, "renew_mode"},
		"ttl above max_ttl":  {fields{"ttl": "2h", "max_ttl": "1h"}, "max_ttl"},
		"ttl above default":  {fields{"ttl": "25h"}, "max_ttl"},
		"negative ttl":       {fields{"ttl": "-5s"}, "ttl"},
		"age without mode":   {fields{"renew_mode": "extend", "refresh_min_age": "1m"}, "refresh_min_age"},
		"half a client":      {fields{"client_id": "4"}, "client_secret"},
		"method of nothing":  {fields{"client_auth_method": "private_key_jwt"}, "client_auth_method"},
		"no username":        {fields{"username": ""}, "username"},
		"no password":        {fields{"password": ""}, "password"},
		"not a duration":     {fields{"ttl": "soon"}, "ttl"},
		"verify, wrong user": {fields{"username": "nobody", "verify": true}, "username"},
	})
	m.read("ci")
}

func TestRolesNeedALogin(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.writeConfig(nil)
	requireStatus(t, m.tryWrite("roles/ci", fields{}), http.StatusBadRequest, "username")
	requireStatus(t, m.tryWrite("roles/ci", fields{"username": "alice"}), http.StatusBadRequest, "password")
	assert.Nil(t, m.get("roles/ci"))
}

// verify signs in once, and leaves nothing behind.
func TestRolesVerify(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.writeConfig(nil)
	m.writeRole("ci", fields{"verify": true})
	assert.Equal(t, 1, m.pm.Count(processmakertest.PasswordGrant))
	assert.Empty(t, m.pm.LiveTokens())
	assert.NotContains(t, m.get("roles/ci"), "verify")

	err := m.tryWrite("roles/typo", m.roleFields(fields{"password": "typo-in-it", "verify": true}))
	requireStatus(t, err, http.StatusBadRequest, "password")
	assert.Nil(t, m.get("roles/typo"), "stored although refused")
}

// A role may bring an auth client of its own, always as a whole.
func TestRolesWithTheirOwnClient(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.writeConfig(fields{"client_id": nil, "client_secret": nil})
	own := m.pm.Client(4)
	m.writeRole("ci", fields{"client_id": own.ID, "client_secret": own.Secret, "client_auth_method": "client_secret_basic"})
	c := m.read("ci")
	assert.Equal(t, "4", c.Data["client_id"])
	assert.True(t, m.accepts(c.Token))
	var basic bool
	for _, exchange := range m.pm.Exchanges() {
		basic = basic || exchange.BasicAuth
	}
	assert.True(t, basic, "client_secret_basic was not used")
}
