//go:build unix

package acceptance

import (
	"syscall"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// A reload ends the process that all mounts share, with what is under way there.
func TestLeasesOutliveAReload(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	m := newReadyMount(t, onServer(server))
	m.writeRole("steady", fields{"renew_mode": "extend"})
	renewed, revoked, steady := m.read("ci"), m.read("ci"), m.read("steady")
	before, err := server.PluginPIDs()
	require.NoError(t, err)
	_, err = m.client.Sys().ReloadPlugin(&api.ReloadPluginInput{Mounts: []string{m.path}})
	require.NoError(t, err)
	after, err := server.PluginPIDs()
	require.NoError(t, err)
	assert.NotEqual(t, before, after)

	requireLeasesWork(t, m, renewed, revoked, steady)
}

// The plugin's process dies: Vault starts another, which knows all leases.
func TestLeasesOutliveACrashOfThePlugin(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	m := newReadyMount(t, onServer(server))
	m.writeRole("steady", fields{"renew_mode": "extend"})
	renewed, revoked, steady := m.read("ci"), m.read("ci"), m.read("steady")

	before, err := server.PluginPIDs()
	require.NoError(t, err)
	require.Len(t, before, 1)
	require.NoError(t, syscall.Kill(before[0], syscall.SIGKILL))
	// A request in the very moment of the crash fails; Vault has to notice it.
	eventually(t, "Vault has started the plugin anew", func() bool {
		_, err := m.client.Logical().Read(m.at("config"))
		return err == nil
	})

	requireLeasesWork(t, m, renewed, revoked, steady)
	after, err := server.PluginPIDs()
	require.NoError(t, err)
	require.Len(t, after, 1)
	assert.NotEqual(t, before, after)
}

func requireLeasesWork(t *testing.T, m *mount, renewed, revoked, steady credential) {
	t.Helper()
	for _, c := range []credential{renewed, revoked, steady} {
		assert.True(t, m.accepts(c.Token))
	}
	next := m.renew(renewed, 7200)
	assert.True(t, m.accepts(next.Token))
	assert.False(t, m.accepts(renewed.Token))
	assert.Equal(t, 1, m.pm.Count("refresh grant"))
	assert.Equal(t, steady.Token, m.renew(steady, 7200).Token)
	m.revoke(revoked)
	assert.False(t, m.accepts(revoked.Token))
	assert.True(t, m.accepts(m.read("ci").Token))
	assert.Len(t, m.pm.LiveTokens(), 3)
}
