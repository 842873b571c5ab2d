//go:build unix

package acceptance

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leaseIDsInLog are the leases that the audit log shows for reads of a path.
func (m *mount) leaseIDsInLog(path string) (ids []string) {
	m.t.Helper()
	log, err := os.ReadFile(m.server.AuditPath)
	require.NoError(m.t, err)
	for line := range bytes.Lines(log) {
		var entry struct {
			Request struct {
				Path string `json:"path"`
			} `json:"request"`
			Response struct {
				Secret struct {
					LeaseID string `json:"lease_id"`
				} `json:"secret"`
			} `json:"response"`
		}
		require.NoError(m.t, json.Unmarshal(line, &entry))
		if id := entry.Response.Secret.LeaseID; id != "" && entry.Request.Path == path {
			ids = append(ids, id)
		}
	}
	return ids
}

// Ids of leases stand in the audit log in clear, and Vault's default policy lets everybody renew
// them: nobody sees another's token that way.
func TestWhoRenewsAnExtendLeaseSeesNoToken(t *testing.T) {
	t.Parallel()
	m := newMount(t, onServer(ownServer(t)))
	m.writeConfig(nil)
	m.writeRole("pat", personal)
	m.writeRole("steady", fields{"renew_mode": "extend"})
	for _, role := range []string{"pat", "steady"} {
		read := m.read(role)
		ids := m.leaseIDsInLog(m.at("creds/" + role))
		require.Equal(t, []string{read.LeaseID}, ids)

		secret, err := m.client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"default"}})
		require.NoError(t, err)
		anybody, err := m.client.Clone()
		require.NoError(t, err)
		anybody.SetToken(secret.Auth.ClientToken)
		renewed, err := anybody.Sys().Renew(ids[0], 7200)
		require.NoError(t, err)
		assert.Equal(t, 7200, renewed.LeaseDuration)
		assert.Empty(t, renewed.Data)
		assert.True(t, m.accepts(read.Token))
		m.revoke(read)
		assert.False(t, m.accepts(read.Token), "the renewed lease still ends its token")
	}
}

// A watcher of HashiCorp's library keeps an extend lease, and its program keeps the token that it
// read.
func TestALifetimeWatcherExtends(t *testing.T) {
	t.Parallel()
	m := consumerMount(t, fields{"renew_mode": "extend", "ttl": "20s", "max_ttl": "1h"})
	read := m.read("app")
	watcher, err := m.client.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: read.Secret, RenewBehavior: api.RenewBehaviorErrorOnErrors})
	require.NoError(t, err)
	go watcher.Start()
	defer watcher.Stop()
	for range 2 { // at once, and when most of the lease is over
		select {
		case renewal := <-watcher.RenewCh():
			assert.Empty(t, renewal.Secret.Data)
			assert.True(t, renewal.Secret.Renewable)
			assert.Equal(t, read.LeaseID, renewal.Secret.LeaseID)
			assert.True(t, m.accepts(read.Token))
		case err := <-watcher.DoneCh():
			t.Fatalf("the watcher gave up: %v", err)
		}
	}
}
