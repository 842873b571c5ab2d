//go:build unix

package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What goes wrong with Vault itself takes a server of its own, and one is
// enough.
func TestBadDaysOfVault(t *testing.T) {
	t.Parallel()
	server := ownRaftServer(t)
	t.Run("plugin", func(t *testing.T) { pluginCrashes(t, server) })
	t.Run("seal", func(t *testing.T) { vaultIsSealed(t, server) })
	t.Run("lease", func(t *testing.T) { leaseIsGivenUp(t, server) })
	t.Run("snapshot", func(t *testing.T) { snapshotIsRestored(t, server) })
}

func pluginCrashes(t *testing.T, server *Server) {
	m := newReadyMount(t, onServer(server))
	d := m.badDay("The plugin crashes or does not start")
	c := m.read("worker")
	kill := func() {
		pids, err := server.PluginPIDs()
		require.NoError(t, err)
		for _, pid := range pids {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			eventually(t, "the plugin is gone", func() bool { return !running(pid) })
		}
	}
	for range 3 {
		kill()
		eventually(t, "Vault has started it anew", func() bool { return m.tryStatus() == nil })
	}
	plugin := filepath.Join(server.PluginDir, PluginName)
	away := plugin + ".away"
	require.NoError(t, os.Rename(plugin, away))
	kill()
	d.hears(d.fails("vault read processmaker/creds/worker"))
	require.NoError(t, os.WriteFile(plugin, []byte("#!/bin/sh\n"), 0o700))
	d.hears(d.fails("vault read processmaker/creds/worker"))
	require.NoError(t, os.Rename(away, plugin))
	d.run("vault plugin list -detailed secret")
	d.run("vault plugin reload -plugin vault-plugin-secrets-processmaker")
	d.run("vault read processmaker/creds/worker")
	assert.True(t, m.accepts(m.renew(c, 7200).Token))
	assert.Empty(t, m.unaccounted())
}

func (m *mount) tryStatus() error {
	_, err := m.client.Logical().Read(m.at("status"))
	return err
}

func vaultIsSealed(t *testing.T, server *Server) {
	m := newReadyMount(t, onServer(server))
	d := m.badDay("Vault was sealed")
	kept, expiring := m.read("worker"), m.read("worker", "ttl", "2")
	require.NoError(t, m.client.Sys().Seal())
	d.hears(d.fails("vault read processmaker/creds/worker"))
	d.fill("unseal key", server.raft.unsealKey)
	d.run("vault operator unseal <unseal key>")
	require.NoError(t, server.waitActive())
	eventually(t, "what expired is ended", func() bool { return !m.accepts(expiring.Token) })
	d.hears(d.run("vault read processmaker/status"))
	assert.True(t, m.accepts(m.renew(kept, 7200).Token))
	d.run("vault read processmaker/creds/worker")
}

// markIrrevocable does what Vault does with a lease that it gives up on, as that
// takes it ten minutes of failures.
func (m *mount) markIrrevocable(server *Server, leaseID string) {
	m.t.Helper()
	key := "sys/raw/sys/expire/id/" + leaseID
	entry, err := m.client.Logical().Read(key)
	require.NoError(m.t, err)
	var lease map[string]any
	require.NoError(m.t, json.Unmarshal([]byte(entry.Data["value"].(string)), &lease))
	lease["revokeErr"] = "token revocation: forbidden (HTTP 403)"
	text, err := json.Marshal(lease)
	require.NoError(m.t, err)
	_, err = m.client.Logical().Write(key, fields{"value": string(text)})
	require.NoError(m.t, err)
	require.NoError(m.t, m.client.Sys().Seal())
	require.NoError(m.t, server.unseal())
	require.NoError(m.t, server.waitActive())
}

func leaseIsGivenUp(t *testing.T, server *Server) {
	m := newReadyMount(t, onServer(server))
	d := m.badDay("Vault has given up on a lease")
	c := m.read("worker")
	d.fill("lease_id", c.LeaseID)
	m.markIrrevocable(server, c.LeaseID)
	d.hears(d.run("vault read sys/leases type=irrevocable"))
	d.run("vault lease lookup <lease_id>")
	assert.True(t, m.accepts(c.Token))
	d.hears(d.run("vault write processmaker/credentials/revoke role=worker"))
	assert.False(t, m.accepts(c.Token))
	d.run("vault lease revoke -force -prefix processmaker/creds/worker")
	d.hears(d.run("vault read sys/leases type=irrevocable"))
}

func snapshotIsRestored(t *testing.T, server *Server) {
	m := newReadyMount(t, onServer(server))
	m.writeRole("jobs", personal)
	d := m.badDay("Vault was restored from a snapshot")
	d.fill("admin token", requestForms[0].signInAs(m, "admin").AccessToken)
	refreshed, revoked, kept := m.read("worker"), m.read("worker"), m.read("jobs")
	_, err := server.CLI("operator", "raft", "snapshot", "save", filepath.Join(d.dir, "snapshot.snap"))
	require.NoError(t, err)
	after := m.renew(refreshed, 7200)
	m.revoke(revoked)
	lost, named := m.read("worker"), m.read("jobs")

	d.run("vault operator raft snapshot restore snapshot.snap")
	eventually(t, "the restore, which goes on after its command, is over", func() bool {
		_, err := m.client.Sys().Lookup(lost.LeaseID)
		return err != nil && strings.Contains(err.Error(), "invalid lease") && m.tryStatus() == nil
	})
	d.run("vault read processmaker/status")
	for _, token := range []string{after.Token, lost.Token, named.Token, kept.Token} {
		assert.True(t, m.accepts(token))
	}
	m.revoke(revoked)

	_, err = m.client.Logical().ReadRaw(m.at("credentials/" + named.CredentialID))
	requireStatus(t, err, http.StatusNotFound, "backup")
	requireStatus(t, m.tryWrite("credentials/"+named.CredentialID+"/revoke", nil), http.StatusNotFound, "unmanaged=true")
	unmanaged := d.run("vault read processmaker/status/jobs unmanaged=true")
	assert.Contains(t, unmanaged, named.TokenID)
	assert.NotContains(t, unmanaged, kept.TokenID)
	d.fill("user_id", fmt.Sprint(m.pm.User("alice").ID))
	d.fill("token_id", named.TokenID)
	d.run(deleteByHand)
	assert.False(t, m.accepts(named.Token))
	d.hears(d.run("vault read processmaker/status/jobs unmanaged=true"))

	renewed := m.renew(refreshed, 7200)
	d.hears(strings.Join(renewed.Warnings, "\n"))
	assert.True(t, m.accepts(renewed.Token))
	d.revokedByConsole(passwordClient)
	assert.False(t, m.accepts(after.Token) || m.accepts(lost.Token))
	d.run("vault write processmaker/credentials/revoke all=true")
	assert.Empty(t, m.livePersonalTokens())
	d.run("vault read processmaker/creds/worker")
	assert.True(t, m.accepts(m.read("jobs").Token))
}
