//go:build unix

package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The users of these tests have a Vault of their own.
func TestTheUsersOwnVaultIsForgotten(t *testing.T) {
	for name, value := range map[string]string{
		"VAULT_CACERT": "/nonexistent", "VAULT_SKIP_VERIFY": "neither", "VAULT_AGENT_ADDR": "http://127.0.0.1:1", "BAO_ADDR": "http://127.0.0.1:1",
	} {
		t.Setenv(name, value)
	}
	server := &Server{Address: "http://127.0.0.1:2"}
	_, err := server.NewClient(nil)
	require.Error(t, err, "the API client reads them no more: neither need we")
	ForgetVault()
	client, err := server.NewClient(nil)
	require.NoError(t, err)
	assert.Equal(t, server.Address, client.Address())
	assert.Empty(t, os.Getenv("BAO_ADDR"))
}

// Where names are long, plugins still have room for those of their sockets.
func TestFoldersOfServersHaveShortNames(t *testing.T) {
	base := t.TempDir() // long by itself
	long := filepath.Join(base, strings.Repeat("x", 60))
	require.NoError(t, os.Mkdir(long, 0o700))
	t.Setenv("TMPDIR", long)
	dir, err := MakeTempDir("pm-acceptance-own-")
	require.NoError(t, err)
	defer os.Remove(dir)
	socket := filepath.Join(dir, "c0", "n0", "t", "plugin4294967295")
	assert.LessOrEqual(t, len(socket), 103)
	assert.NotContains(t, dir, base)
}
