//go:build unix

package acceptance

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/vault/api"
)

// installedSettings is what an operator's own server has: keys to be opened
// with, and a folder for plugins beside a catalog that starts empty.
const installedSettings = `
storage "inmem" {}
listener "tcp" {
  address     = %q
  tls_disable = true
}
api_addr         = %q
plugin_directory = %q
disable_mlock    = true
`

// StartInstalledServer starts a server as an operator runs it, initialised and
// unsealed, that knows no plugin yet. They go into its PluginDir.
func StartInstalledServer(config ServerConfig) (*Server, error) {
	// Vault refuses a folder for plugins that is a link, as it can be on macOS.
	dir, err := filepath.EvalSymlinks(config.Dir)
	if err != nil {
		return nil, err
	}
	config.Dir = dir
	s, err := newServer(config)
	if err != nil {
		return nil, err
	}
	settings := filepath.Join(config.Dir, "vault.hcl")
	err = s.startSomewhere(reachable, func(address string) ([]string, error) {
		text := fmt.Sprintf(installedSettings, address, s.Address, s.PluginDir)
		return []string{"-config=" + settings}, os.WriteFile(settings, []byte(text), 0o600)
	})
	if err != nil {
		return nil, err
	}
	if err := s.initialiseInMemory(); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// initialiseInMemory makes the server's keys and opens it with them.
func (s *Server) initialiseInMemory() error {
	key, err := s.makeKeys()
	if err != nil {
		return err
	}
	client, err := s.NewClient(nil)
	if err != nil {
		return err
	}
	if _, err := client.Sys().Unseal(key); err != nil {
		return err
	}
	// Unsealed is not yet ready: it answers 503 until it is the active node.
	return s.waitFor(func(client *api.Client) error {
		_, err := client.Sys().ListMounts()
		return err
	})
}

// reachable is an error as long as a server does not answer at all.
func reachable(client *api.Client) error {
	_, err := client.Sys().InitStatus()
	return err
}
