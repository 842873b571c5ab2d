//go:build unix

package acceptance

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withPolicy returns the mount as seen by a caller who has this policy only.
func (m *mount) withPolicy(rules string) *mount {
	m.t.Helper()
	name := "policy-" + rand.Text()
	require.NoError(m.t, m.client.Sys().PutPolicy(name, rules))
	m.t.Cleanup(func() { _ = m.client.Sys().DeletePolicy(name) })
	secret, err := m.client.Auth().Token().Create(&api.TokenCreateRequest{
		Policies: []string{name}, NoDefaultPolicy: false, TTL: "1h",
	})
	require.NoError(m.t, err)
	client, err := m.client.CloneWithHeaders()
	require.NoError(m.t, err)
	client.SetToken(secret.Auth.ClientToken)
	caller := *m
	caller.client = client
	return &caller
}

func (m *mount) allowed(path string, capabilities ...string) *mount {
	m.t.Helper()
	return m.withPolicy(fmt.Sprintf("path %q { capabilities = [%s] }", m.at(path), quoted(capabilities)))
}

func quoted(words []string) string {
	var text string
	for i, word := range words {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%q", word)
	}
	return text
}

// A policy can let someone add a role without letting them change one, and the
// other way round.
func TestACLTellsCreateFromUpdateFromPatch(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	role := m.roleFields(nil)
	ttl := fields{"ttl": "5m"}

	creator := m.allowed("roles/*", "create")
	require.NoError(t, creator.tryWrite("roles/made", role))
	assert.True(t, isForbidden(creator.tryWrite("roles/made", ttl)), "create must not change")
	assert.True(t, isForbidden(creator.tryPatch("roles/made", ttl)), "create must not patch")

	updater := m.allowed("roles/*", "update")
	require.NoError(t, updater.tryWrite("roles/made", ttl))
	assert.True(t, isForbidden(updater.tryWrite("roles/other", role)), "update must not create")
	assert.True(t, isForbidden(updater.tryPatch("roles/made", ttl)), "update must not patch")

	patcher := m.allowed("roles/*", "patch")
	require.NoError(t, patcher.tryPatch("roles/made", fields{"ttl": "6m"}))
	assert.True(t, isForbidden(patcher.tryWrite("roles/made", ttl)), "patch must not update")

	assert.Equal(t, "360", fmt.Sprint(m.get("roles/made")["ttl"]))
	assert.Nil(t, m.get("roles/other"))
}

func TestACLOfTheConfig(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	updater := m.allowed("config", "update")
	creator := m.allowed("config", "create")
	assert.True(t, isForbidden(updater.tryWrite("config", m.configFields(nil))))
	require.NoError(t, creator.tryWrite("config", m.configFields(nil)))
	timeout := fields{"request_timeout": "5s"}
	assert.True(t, isForbidden(creator.tryWrite("config", timeout)))
	require.NoError(t, updater.tryWrite("config", timeout))
	require.NoError(t, m.allowed("config", "patch").tryPatch("config", timeout))

	_, err := m.allowed("config", "delete").client.Logical().Read(m.at("config"))
	assert.True(t, isForbidden(err))
}

// Reading creds needs read, overrides by query included; by body, update.
func TestACLOfCreds(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	reader := m.allowed("creds/ci", "read")
	reader.read("ci")
	reader.read("ci", "renew_mode", "extend", "ttl", "5m")
	assert.True(t, isForbidden(reader.tryWrite("creds/ci", fields{})))
	_, err := reader.tryRead("other")
	assert.True(t, isForbidden(err))

	writer := m.allowed("creds/ci", "update")
	require.NoError(t, writer.tryWrite("creds/ci", fields{"ttl": "5m"}))
	_, err = writer.tryRead("ci")
	assert.True(t, isForbidden(err))
}
