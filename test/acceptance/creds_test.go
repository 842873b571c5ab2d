//go:build unix

package acceptance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestCredsAnswer(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := m.read("ci")

	assert.True(t, m.accepts(c.Token))
	assert.Equal(t, 3600, c.LeaseDuration)
	assert.True(t, c.Renewable)
	assert.True(t, strings.HasPrefix(c.LeaseID, m.path+"/creds/ci/"), c.LeaseID)
	assert.Empty(t, c.Warnings)

	alice := m.pm.User("alice")
	want := fields{
		"token_type": "Bearer", "user_id": fmt.Sprint(alice.ID), "username": "alice", "client_id": "3",
		"role": "ci", "credential_type": "access_token", "renew_mode": "refresh",
	}
	for name, value := range want {
		assert.Equal(t, value, c.Data[name], name)
	}
	end, err := time.Parse(time.RFC3339, fmt.Sprint(c.Data["token_expire_time"]))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().AddDate(1, 0, 0), end, 48*time.Hour, "ProcessMaker's own end, not the lease's")
	names := []string{"access_token", "credential_id", "token_id", "token_expire_time"}
	for name := range want {
		names = append(names, name)
	}
	assert.ElementsMatch(t, names, keys(c.Data))

	live := m.pm.LiveTokens()
	require.Len(t, live, 1)
	assert.Equal(t, live[0].ID, c.TokenID)
	assert.Equal(t, 1, m.pm.Count(processmakertest.AnyToken), "exchanges for one read")
}

func TestCredsByPost(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := asCredential(t, m.write("creds/ci", fields{"ttl": "10m", "renew_mode": "none"}))
	assert.Equal(t, 600, c.LeaseDuration)
	assert.Equal(t, "none", c.Data["renew_mode"])
	assert.False(t, c.Renewable)
}

func TestCredsOverrides(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)

	c := m.read("ci", "ttl", "20m")
	assert.Equal(t, 1200, c.LeaseDuration)
	assert.Empty(t, c.Warnings)

	c = m.read("ci", "ttl", "2h")
	assert.Equal(t, 3600, c.LeaseDuration, "the role's ttl is the most one may ask for")
	assert.NotEmpty(t, c.Warnings)

	c = m.read("ci", "renew_mode", "extend")
	assert.Equal(t, "extend", c.Data["renew_mode"])
	assert.True(t, c.Renewable)

	c = m.read("ci", "renew_mode", "none", "ttl", "60")
	assert.Equal(t, "none", c.Data["renew_mode"])
	assert.Equal(t, 60, c.LeaseDuration)
	assert.False(t, c.Renewable)

	_, err := m.tryRead("ci", "renew_mode", "sometimes")
	requireStatus(t, err, http.StatusBadRequest, "renew_mode")
	_, err = m.tryRead("ci", "ttl", "soon")
	requireStatus(t, err, http.StatusBadRequest, "ttl")
}

// An override leads to less rotation only.
func TestCredsOverridesTowardsMoreRotation(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("still", fields{"renew_mode": "none"})
	m.writeRole("steady", fields{"renew_mode": "extend"})
	for role, mode := range map[string]string{"still": "extend", "steady": "refresh"} {
		_, err := m.tryRead(role, "renew_mode", mode)
		requireStatus(t, err, http.StatusBadRequest, "renew_mode")
	}
	assert.Zero(t, m.pm.Count(processmakertest.AnyToken), "signed in for a refused read")
	assert.Equal(t, "none", m.read("steady", "renew_mode", "none").Data["renew_mode"])
}

// The mount's own limit caps the lease.
func TestCredsUnderTheMountsLimit(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	_, err := m.client.Logical().Write("sys/mounts/"+m.path+"/tune", fields{"max_lease_ttl": "15m"})
	require.NoError(t, err)
	c := m.read("ci")
	assert.Equal(t, 900, c.LeaseDuration)
}

func TestCredsThroughTheCommandLine(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	token, err := m.server.CLI("read", "-field=access_token", m.at("creds/ci"))
	require.NoError(t, err)
	assert.True(t, m.accepts(strings.TrimSpace(token)))
}

// Users look for help and for the API's description where Vault has them.
func TestHelpAndOpenAPI(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	for _, path := range []string{"", "config", "roles/", "roles/ci", "creds/ci"} {
		help, err := m.client.Help(m.at(path))
		require.NoError(t, err, path)
		assert.NotEmpty(t, help.Help, path)
	}
	api, err := m.client.Logical().Read("sys/internal/specs/openapi")
	require.NoError(t, err)
	paths, ok := api.Data["paths"].(map[string]any)
	require.True(t, ok)
	for _, path := range []string{"config", "roles/", "roles/{name}", "creds/{name}"} {
		_, there := paths["/"+m.at(path)]
		assert.True(t, there, path)
	}
}
