//go:build unix

package acceptance

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"
)

// diskServer is a server that keeps its storage on disk, so that it can be
// sealed, unsealed and put back to a snapshot.
type diskServer struct {
	*Server
	plugin    string // the plugin's file
	unsealKey string
}

func startDiskServer(t *testing.T) *diskServer {
	t.Helper()
	skipWithoutBinaries(t)
	dir, err := os.MkdirTemp("", "pm-acceptance-disk-")
	require.NoError(t, err)
	s := &diskServer{Server: &Server{
		LogPath:   filepath.Join(dir, "server.log"),
		AuditPath: filepath.Join(dir, "audit.log"),
		vaultBin:  shared.vaultBin,
		home:      filepath.Join(dir, "home"),
		temp:      filepath.Join(dir, "t"),
	}}
	t.Cleanup(func() {
		if s.process != nil {
			if err := endServer(s.Server); err != nil {
				t.Error(err)
			}
		}
		if t.Failed() {
			t.Logf("the Vault server's logs are kept in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	plugins, data := filepath.Join(dir, "plugins"), filepath.Join(dir, "data")
	for _, folder := range []string{s.home, s.temp, plugins, data} {
		require.NoError(t, os.Mkdir(folder, 0o700))
	}
	s.plugin = filepath.Join(plugins, PluginName)
	require.NoError(t, copyExecutable(shared.pluginBin, s.plugin))
	s.run(t, dir, plugins, data)
	s.initialise(t)
	return s
}

func (s *diskServer) run(t *testing.T, dir, plugins, data string) {
	t.Helper()
	api, err := freePort()
	require.NoError(t, err)
	cluster, err := freePort()
	require.NoError(t, err)
	s.Address = fmt.Sprintf("http://127.0.0.1:%d", api)
	settings := filepath.Join(dir, "settings.hcl")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, `
storage "raft" {
  path    = %q
  node_id = "single"
}
listener "tcp" {
  address         = "127.0.0.1:%d"
  cluster_address = "127.0.0.1:%d"
  tls_disable     = true
}
api_addr             = %q
cluster_addr         = "https://127.0.0.1:%d"
plugin_directory     = %q
disable_mlock        = true
raw_storage_endpoint = true
`, data, api, cluster, s.Address, cluster, plugins), 0o600))
	log, err := os.Create(s.LogPath)
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.Command(s.vaultBin, "server", "-config="+settings, "-log-level=trace")
	cmd.Env = cleanEnvironment("HOME="+s.home, "TMPDIR="+s.temp)
	cmd.Dir = s.home
	cmd.Stdout, cmd.Stderr = log, log
	s.process, err = startProcess(cmd)
	require.NoError(t, err)
}

// initialise makes the storage and puts the plugin into the catalog.
func (s *diskServer) initialise(t *testing.T) {
	t.Helper()
	client, err := s.NewClient(nil)
	require.NoError(t, err)
	var made *api.InitResponse
	eventually(t, "the server can be initialised", func() bool {
		made, err = client.Sys().Init(&api.InitRequest{SecretShares: 1, SecretThreshold: 1})
		return err == nil
	})
	s.RootToken, s.unsealKey = made.RootToken, made.KeysB64[0]
	_, err = client.Sys().Unseal(s.unsealKey)
	require.NoError(t, err)
	s.waitUnsealed(t)
	client.SetToken(s.RootToken)
	binary, err := os.ReadFile(s.plugin)
	require.NoError(t, err)
	require.NoError(t, client.Sys().RegisterPlugin(&api.RegisterPluginInput{
		Name: PluginName, Type: api.PluginTypeSecrets, Command: PluginName,
		SHA256: fmt.Sprintf("%x", sha256.Sum256(binary)),
	}))
}

// waitUnsealed waits until the server does its work.
func (s *diskServer) waitUnsealed(t *testing.T) {
	t.Helper()
	client, err := s.NewClient(nil)
	require.NoError(t, err)
	eventually(t, "the server is active", func() bool {
		leader, err := client.Sys().Leader()
		return err == nil && leader.IsSelf && leader.PerfStandby == false && ready(client)
	})
}

// ready: the active node may have its name before it has its mounts.
func ready(client *api.Client) bool {
	health, err := client.Sys().Health()
	return err == nil && !health.Sealed && !health.Standby
}
