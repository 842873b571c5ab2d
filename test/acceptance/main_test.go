//go:build unix

package acceptance

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shared is the one server that tests use which do not disturb each other.
var shared *suite

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	ForgetVault()
	shared = &suite{
		vaultBin:  os.Getenv("ACCEPTANCE_VAULT_BIN"),
		pluginBin: os.Getenv("ACCEPTANCE_PLUGIN_BIN"),
	}
	// Deferred, so that a panic on this goroutine leaves no server behind.
	defer func() { code = shared.close(code) }()
	return m.Run()
}

// suite starts the shared server when the first test asks for it, and sees to
// it that a server which hit a panic or a data race fails the whole run.
type suite struct {
	vaultBin  string
	pluginBin string

	once   sync.Once
	dir    string
	server *Server
	err    error
}

func (s *suite) start() {
	if s.dir, s.err = MakeTempDir("pm-acceptance-"); s.err != nil {
		return
	}
	s.server, s.err = StartServer(ServerConfig{VaultBin: s.vaultBin, PluginBin: s.pluginBin, Dir: s.dir})
	if s.err == nil {
		s.err = s.server.EnableFileAudit()
	}
}

// close ends the shared server and returns the exit code of the run. The
// server's files stay when anything failed.
func (s *suite) close(code int) int {
	if s.server != nil {
		if err := endServer(s.server); err != nil {
			fmt.Fprintln(os.Stderr, "FAIL: the shared Vault server:", err)
			code = max(code, 1)
		}
	}
	switch {
	case s.dir == "":
	case code != 0:
		fmt.Fprintln(os.Stderr, "the shared Vault server's logs are kept in", s.dir)
	default:
		_ = os.RemoveAll(s.dir)
	}
	return code
}

// endServer stops the server and reports what it should not have done.
func endServer(s *Server) error {
	err := s.Stop()
	accidents, readErr := s.Accidents()
	if len(accidents) > 0 {
		err = errors.Join(err, fmt.Errorf("its log tells of accidents:\n%s", strings.Join(accidents, "\n")))
	}
	return errors.Join(err, readErr)
}

func skipWithoutBinaries(t *testing.T) {
	t.Helper()
	if shared.vaultBin == "" || shared.pluginBin == "" {
		t.Skip("ACCEPTANCE_VAULT_BIN and ACCEPTANCE_PLUGIN_BIN are not set; `make acceptance` sets them")
	}
}

// sharedServer returns the server that all tests share.
func sharedServer(t *testing.T) *Server {
	t.Helper()
	skipWithoutBinaries(t)
	shared.once.Do(shared.start)
	require.NoError(t, shared.err)
	return shared.server
}

// ownServer starts a server for a test that disturbs others: one that ends
// processes, or counts them.
func ownServer(t *testing.T, environment ...string) *Server {
	t.Helper()
	return startOwn(t, ServerConfig{PluginBin: shared.pluginBin, Environment: environment}, StartServer)
}

// startOwn starts a server that ends with the test.
func startOwn(t *testing.T, config ServerConfig, start func(ServerConfig) (*Server, error)) *Server {
	t.Helper()
	s := startAllOwn(t, config, func(config ServerConfig) ([]*Server, error) {
		s, err := start(config)
		return []*Server{s}, err
	})[0]
	require.NoError(t, s.EnableFileAudit())
	return s
}

// ownRaftServer is ownServer with a storage that outlives the server.
func ownRaftServer(t *testing.T, environment ...string) *Server {
	t.Helper()
	return ownRaftCluster(t, 1, environment...).Nodes[0]
}

// ownRaftCluster is ownRaftServer with several nodes.
func ownRaftCluster(t *testing.T, nodes int, environment ...string) *RaftCluster {
	t.Helper()
	var cluster *RaftCluster
	config := ServerConfig{PluginBin: shared.pluginBin, Environment: environment}
	startAllOwn(t, config, func(config ServerConfig) (servers []*Server, err error) {
		if cluster, err = StartRaftCluster(config, nodes); err == nil {
			servers = cluster.Nodes
		}
		return servers, err
	})
	return cluster
}

// startAllOwn ends what it has started together with the test.
func startAllOwn(t *testing.T, config ServerConfig, start func(ServerConfig) ([]*Server, error)) []*Server {
	t.Helper()
	skipWithoutBinaries(t)
	dir, err := MakeTempDir("pm-acceptance-own-")
	require.NoError(t, err)
	config.VaultBin, config.Dir = shared.vaultBin, dir
	servers, err := start(config)
	t.Cleanup(func() {
		if err == nil {
			for _, s := range servers {
				assert.NoError(t, endServer(s))
			}
		}
		if t.Failed() {
			t.Logf("the Vault servers' logs are kept in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	require.NoError(t, err)
	return servers
}
