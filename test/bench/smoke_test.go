//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEverythingIsMeasured runs the whole of a run with next to no load, so that
// it does not rot between the runs that count.
func TestEverythingIsMeasured(t *testing.T) {
	vault, plugin := os.Getenv("ACCEPTANCE_VAULT_BIN"), os.Getenv("ACCEPTANCE_PLUGIN_BIN")
	if vault == "" || plugin == "" {
		t.Skip("ACCEPTANCE_VAULT_BIN and ACCEPTANCE_PLUGIN_BIN are not set; `make acceptance` sets them")
	}
	bin := t.TempDir()
	require.NoError(t, os.Symlink(plugin, filepath.Join(bin, product)))
	build := exec.Command("go", "build", "-o", bin+"/", "./cmd/engines", "../../client/processmakertest/cmd/processmakertest")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	handlers := filepath.Join(bin, "handlers.txt")
	require.NoError(t, os.WriteFile(handlers, []byte("BenchmarkHandlers/static_read-2 10 7805 ns/op 2826 B/op 38 allocs/op\n"), 0o600))
	page := filepath.Join(bin, "performance.md")
	require.NoError(t, os.WriteFile(page, []byte("# Before\n"+figuresBegin+"\nold\n"+figuresEnd+"\n# After\n"), 0o600))

	require.NoError(t, run([]string{"-quick", "-vault", vault, "-bin", bin, "-handlers", handlers, "-page", page}, t.Output()))

	shows := func(file string, parts ...string) {
		written, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, part := range parts {
			assert.Contains(t, string(written), part)
		}
		assert.NotContains(t, string(written), "old")
	}
	decisive := []string{
		"### Overhead of a read", "### Slow endpoints", "| logins |", "### Two roles", "### Under the limit",
		"### 20 leases that expire", "all gone, irrevocable 0", "### 3 roles, and 2 mounts",
	}
	shows(page, append(decisive, "# Before", "# After")...)
	shows(filepath.Join(bin, "performance", "figures.md"), append(decisive,
		"### Ratios", ourPassword+" / "+referenceRead, "### Reads", raft, "### Renewals", "### Memory", "### Server start", "| Handlers/static_read-2 | 7805 |")...)
	for _, plot := range []string{"latency-in-memory", "latency-raft", "memory"} {
		assert.FileExists(t, filepath.Join(bin, "performance", plot+".svg"))
	}
}
