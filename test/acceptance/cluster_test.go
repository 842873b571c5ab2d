//go:build unix

package acceptance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// through is the mount as a client of that node sees it.
func (m *mount) through(node *Server) *mount {
	m.t.Helper()
	client, err := node.NewClient(nil)
	require.NoError(m.t, err)
	return &mount{t: m.t, server: node, client: client, path: m.path, pm: m.pm}
}

// follow makes the mount's own client one of the node.
func (m *mount) follow(node *Server) {
	m.server = node
	require.NoError(m.t, m.client.SetAddress(node.Address))
}

// servesAll waits until the node knows the mount and the role's lifetime. A
// standby of OpenBao learns of a new mount and of a write after the active node.
func (m *mount) servesAll(ttl int) {
	m.t.Helper()
	eventually(m.t, m.server.Address+" answers what was written", func() bool {
		secret, err := m.client.Logical().Read(m.at("roles/ci"))
		return err == nil && secret != nil && fmt.Sprint(secret.Data["ttl"]) == fmt.Sprint(ttl)
	})
}

// Every node of a cluster takes every request, whoever carries it out. With the
// active node go neither leases nor roles, nor does a token outlive its lease.
func TestClusterOfThreeLosesItsActiveNode(t *testing.T) {
	t.Parallel()
	cluster := ownRaftCluster(t, 3)
	active, err := cluster.Active()
	require.NoError(t, err)
	m := newReadyMount(t, onServer(active))
	m.writeRole("steady", personal)

	m.servedByEvery(cluster.Nodes, 1200)
	leases := []credential{m.read("ci"), m.read("ci"), m.read("steady")}

	active.Kill()
	next, err := cluster.Active()
	require.NoError(t, err)
	require.NotEqual(t, active.Address, next.Address)
	m.follow(next)
	m.servesAll(1200)
	for _, c := range leases {
		assert.True(t, m.accepts(c.Token), "a token that its lease still holds")
	}
	leases[0] = m.renew(leases[0], 7200)
	assert.True(t, m.accepts(leases[0].Token))
	for _, c := range leases {
		m.revoke(c)
		assert.False(t, m.accepts(c.Token))
	}

	require.NoError(t, active.Restart())
	m.servedByEvery(cluster.Nodes, 1800)
}

// servedByEvery changes the role ci, and goes the way of a credential through
// each of the nodes.
func (m *mount) servedByEvery(nodes []*Server, ttl int) {
	m.t.Helper()
	m.patch("roles/ci", fields{"ttl": ttl, "max_ttl": "24h"})
	for i, node := range nodes {
		one, other := m.through(node), m.through(nodes[(i+1)%len(nodes)])
		one.servesAll(ttl)
		other.servesAll(ttl)
		c := one.read("ci")
		assert.Equal(m.t, ttl, c.LeaseDuration)
		assert.True(m.t, m.accepts(c.Token))
		renewed := other.renew(c, 2*ttl)
		assert.True(m.t, m.accepts(renewed.Token))
		assert.False(m.t, m.accepts(c.Token), "the token that the renewal replaced")
		one.revoke(renewed)
		assert.False(m.t, m.accepts(renewed.Token))
		assert.Equal(m.t, true, one.get("status")["reachable"])
	}
}
