//go:build unix

package acceptance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	killWorkers = 5
	killPace    = 20 * time.Millisecond
)

// pauseBetween waits some time between a half and one and a half of the typical.
func pauseBetween(random *rand.Rand, typical time.Duration) {
	time.Sleep(typical/2 + time.Duration(random.Int64N(int64(typical))))
}

// backAtWork waits until the mount answers.
func (c *chaos) backAtWork() {
	c.t.Helper()
	c.soonEvery(20*time.Millisecond, "the mount answers", func() error {
		_, err := c.client.Logical().Read(c.at("config"))
		return err
	})
}

// The plugin's process dies; Vault starts another one with the next request.
func chaosOfPluginKills(t *testing.T, plan chaosPlan) {
	server := ownServer(t)
	c := newChaos(t, plan, onServer(server))
	random := c.random("plugin kills")
	before := c.openFiles()
	kills := 0
	c.under(killWorkers, killPace, func() {
		for range plan.pluginKills {
			pauseBetween(random, 1500*time.Millisecond)
			pids, err := server.PluginPIDs()
			require.NoError(t, err)
			for _, pid := range pids {
				c.killing()
				require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
				kills++
			}
			c.backAtWork()
		}
		pauseBetween(random, time.Second)
	})
	assert.Equal(t, plan.pluginKills, kills)
	t.Logf("%d kills of the plugin", kills)
	c.requireNothingLost()
	after := c.openFiles()
	t.Logf("open files of the plugin: %d before, %d after", before, after)
	assert.LessOrEqual(t, after, before)
	c.requireEnd()
}

// openFiles is the number of files that the plugin's process has open when it
// rests, after every role has done its work once.
func (c *chaos) openFiles() int {
	c.t.Helper()
	c.requireRolesWork()
	c.pm.CloseConnections() // how many wait idle is a matter of chance
	last, same := -1, 0
	for same < 10 {
		time.Sleep(100 * time.Millisecond)
		pids, err := c.server.PluginPIDs()
		require.NoError(c.t, err)
		require.Len(c.t, pids, 1)
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pids[0]))
		require.NoError(c.t, err)
		if len(files) != last {
			last, same = len(files), 0
		}
		same++
	}
	return last
}

// The machine dies, or the server alone and its plugin lives on for a while: it
// may be in the middle of a sign-in and cannot store it.
func chaosOfServerKills(t *testing.T, plan chaosPlan) {
	server := ownRaftServer(t)
	c := newChaos(t, plan, onServer(server))
	random := c.random("server kills")
	alone := 0
	c.under(killWorkers, killPace, func() {
		for i := range plan.serverKills {
			pauseBetween(random, 3*time.Second)
			c.killing()
			alone += killOneWay(server, i)
			require.NoError(t, server.Restart())
			c.backAtWork()
		}
		pauseBetween(random, 3*time.Second)
	})
	t.Logf("%d kills of the server, %d of them without its plugin", plan.serverKills, alone)
	server.KillOrphans()
	c.requireNothingLost()
	c.requireEnd()
}

// killOneWay kills a server with its plugin, and every second time without it.
func killOneWay(server *Server, i int) (alone int) {
	if i%2 == 0 {
		server.Kill()
		return 0
	}
	server.KillServerOnly()
	return 1
}

// The active node dies, another one takes over, and the old one comes back.
func chaosOfLeaderKills(t *testing.T, plan chaosPlan) {
	cluster := ownRaftCluster(t, 3)
	active, err := cluster.Active()
	require.NoError(t, err)
	c := newChaos(t, plan, onServer(active))
	random := c.random("leader kills")
	alone := 0
	follow := func() {
		active, err = cluster.Active()
		require.NoError(t, err)
		require.NoError(t, c.client.SetAddress(active.Address))
	}
	c.under(killWorkers, killPace, func() {
		for i := range plan.leaderKills {
			pauseBetween(random, 3*time.Second)
			follow()
			killed := active
			c.killing()
			alone += killOneWay(killed, i)
			follow()
			assert.NotEqual(t, killed.Address, active.Address)
			c.backAtWork()
			pauseBetween(random, 3*time.Second)
			require.NoError(t, killed.Restart())
		}
		pauseBetween(random, 3*time.Second)
	})
	t.Logf("%d kills of the active node, %d of them without its plugin", plan.leaderKills, alone)
	for _, node := range cluster.Nodes {
		node.KillOrphans()
	}
	follow()
	c.requireNothingLost()
	c.requireEnd()
}
