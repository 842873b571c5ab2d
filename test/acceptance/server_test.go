//go:build unix

package acceptance

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The machinery itself: what it starts is gone afterwards, plugins included,
// also when the server gets no chance to end them.
func TestServersLeaveNoProcessBehind(t *testing.T) {
	skipWithoutBinaries(t)
	for name, end := range map[string]func(*Server){
		"stopped": func(s *Server) { assert.NoError(t, s.Stop()) },
		"killed":  (*Server).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := MakeTempDir("pm-acceptance-")
			require.NoError(t, err)
			defer os.RemoveAll(dir)
			s, err := StartServer(ServerConfig{VaultBin: shared.vaultBin, PluginBin: shared.pluginBin, Dir: dir})
			require.NoError(t, err)
			defer s.Kill()
			client, err := s.NewClient(nil)
			require.NoError(t, err)
			require.NoError(t, client.Sys().Mount("pm", &api.MountInput{Type: PluginName}))
			plugins, err := s.PluginPIDs()
			require.NoError(t, err)
			require.Len(t, plugins, 1)

			end(s)
			for _, pid := range append(plugins, s.process.cmd.Process.Pid) {
				eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return !running(pid) })
			}
		})
	}
}

func TestServerKnowsTheCommandLine(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	text, err := s.CLI("plugin", "list", "secret")
	require.NoError(t, err)
	assert.Contains(t, text, PluginName)
	_, err = s.CLI("read", "no/such/mount")
	require.Error(t, err)
}

// running tells a process that runs from one that is gone, or has ended and is
// only waiting for whoever adopted it to notice.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !isZombie(string(stat))
}
