//go:build unix

package acceptance

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"vault-plugin-secrets-processmaker/test/freeport"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// takenPort is a port that somebody else serves.
func takenPort(t *testing.T) int {
	t.Helper()
	somebody := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(somebody.Close)
	return somebody.Listener.Addr().(*net.TCPAddr).Port
}

// Between its choice and the start of its node, a port may be taken. The cluster
// starts on others.
func TestAClusterStartsOnOtherPorts(t *testing.T) {
	t.Parallel()
	skipWithoutBinaries(t)
	for name, choice := range map[string]int{"of the first node": 1, "of the second node": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			taken, choices := takenPort(t), 0
			choose := func() (int, error) {
				if choices++; choices == choice {
					return taken, nil
				}
				return freeport.Choose()
			}
			startAllOwn(t, ServerConfig{PluginBin: shared.pluginBin}, func(config ServerConfig) ([]*Server, error) {
				cluster, err := startRaftCluster(config, 2, choose)
				if err != nil {
					return nil, err
				}
				return cluster.Nodes, nil
			})
			assert.Equal(t, 8, choices, "two ports for each node of two clusters")
		})
	}
}

// What fails again and again is said.
func TestAClusterThatCannotStart(t *testing.T) {
	t.Parallel()
	skipWithoutBinaries(t)
	config := ServerConfig{VaultBin: shared.vaultBin, PluginBin: shared.pluginBin, Dir: t.TempDir()}
	taken := takenPort(t)
	_, err := startRaftCluster(config, 1, func() (int, error) { return taken, nil })
	require.ErrorContains(t, err, "address already in use")
}
