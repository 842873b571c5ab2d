//go:build unix

package acceptance

import (
	"syscall"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// Mounts share a process, and nothing else.
func TestTwoMountsInOneProcess(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	a, b := newReadyMount(t, onServer(server)), newReadyMount(t, onServer(server))
	ofA, ofB := a.read("ci"), b.read("ci")

	pids, err := server.PluginPIDs()
	require.NoError(t, err)
	assert.Len(t, pids, 1)

	assert.True(t, a.accepts(ofA.Token) && b.accepts(ofB.Token))
	assert.False(t, a.accepts(ofB.Token) || b.accepts(ofA.Token), "tokens of the other ProcessMaker")
	assert.Len(t, a.pm.LiveTokens(), 1)
	assert.Len(t, b.pm.LiveTokens(), 1)

	// What is wrong with one does not touch the other.
	a.writeRole("ci", fields{"password": "not-the-password"})
	_, err = a.tryRead("ci")
	require.Error(t, err)
	a.pm.GoOffline()
	_, err = a.tryRead("ci")
	require.Error(t, err)
	again := b.renew(ofB, 7200)
	assert.True(t, b.accepts(again.Token))
	require.NoError(t, a.pm.GoOnline())

	require.NoError(t, a.client.Sys().Unmount(a.path))
	a.path = ""
	assert.Empty(t, a.pm.LiveTokens())
	assert.True(t, b.accepts(again.Token), "disabling one mount ended a token of another")
	b.revoke(again)
}

// outlivedMount is a mount with leases that have to outlive the process of its
// plugin, which no other mount shares.
type outlivedMount struct {
	*mount
	renewed, revoked, steady credential
}

func newOutlivedMount(t *testing.T) *outlivedMount {
	t.Helper()
	m := newReadyMount(t, onServer(ownServer(t)))
	m.writeRole("steady", fields{"renew_mode": "extend"})
	return &outlivedMount{mount: m, renewed: m.read("ci"), revoked: m.read("ci"), steady: m.read("steady")}
}

// A reload ends the process that all mounts share, with what is under way there.
func TestLeasesOutliveAReload(t *testing.T) {
	t.Parallel()
	m := newOutlivedMount(t)
	before, err := m.server.PluginPIDs()
	require.NoError(t, err)
	_, err = m.client.Sys().ReloadPlugin(&api.ReloadPluginInput{Mounts: []string{m.path}})
	require.NoError(t, err)
	after, err := m.server.PluginPIDs()
	require.NoError(t, err)
	assert.NotEqual(t, before, after)

	m.requireLeasesWork()
}

// The plugin's process dies: Vault starts another, which knows all leases.
func TestLeasesOutliveACrashOfThePlugin(t *testing.T) {
	t.Parallel()
	m := newOutlivedMount(t)
	before, err := m.server.PluginPIDs()
	require.NoError(t, err)
	require.Len(t, before, 1)
	require.NoError(t, syscall.Kill(before[0], syscall.SIGKILL))
	// A request in the very moment of the crash fails; Vault has to notice it.
	eventually(t, "Vault has started the plugin anew", func() bool {
		_, err := m.client.Logical().Read(m.at("config"))
		return err == nil
	})

	m.requireLeasesWork()
	after, err := m.server.PluginPIDs()
	require.NoError(t, err)
	require.Len(t, after, 1)
	assert.NotEqual(t, before, after)
}

func (m *outlivedMount) requireLeasesWork() {
	m.t.Helper()
	for _, c := range []credential{m.renewed, m.revoked, m.steady} {
		assert.True(m.t, m.accepts(c.Token))
	}
	next := m.renew(m.renewed, 7200)
	assert.True(m.t, m.accepts(next.Token))
	assert.False(m.t, m.accepts(m.renewed.Token))
	assert.Equal(m.t, 1, m.pm.Count(processmakertest.RefreshGrant))
	assert.Equal(m.t, m.steady.Token, m.renew(m.steady, 7200).Token)
	m.revoke(m.revoked)
	assert.False(m.t, m.accepts(m.revoked.Token))
	assert.True(m.t, m.accepts(m.read("ci").Token))
	assert.Len(m.t, m.pm.LiveTokens(), 3)
}
