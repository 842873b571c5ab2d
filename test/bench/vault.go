//go:build unix

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hashicorp/vault/api"

	"vault-plugin-secrets-processmaker/test/acceptance"
	"vault-plugin-secrets-processmaker/test/freeport"
)

// The plugins in the server's catalog.
const (
	product = acceptance.PluginName
	engines = "engines"
)

// The two storages that are measured.
const (
	inMemory = "in-memory"
	raft     = "raft"
)

const readyTimeout = time.Minute

// vault is a Vault server as an operator would run it, but for the
// encryption between it and its clients: sealed and unsealed, plugins as
// processes of their own, log level info, no audit device.
type vault struct {
	bin, dir, storage string
	port              int
	program           *acceptance.Program
	api               *api.Client
	token, unsealKey  string
}

// startVault starts a server with both plugins in its catalog.
func startVault(tools tools, within, storage string) (*vault, error) {
	// Plugins put their sockets below it, whose names must stay short.
	dir, err := os.MkdirTemp(within, "v-")
	if err != nil {
		return nil, err
	}
	v := &vault{bin: tools.vault, dir: dir, storage: storage}
	if err := v.setUp(tools); err != nil {
		return nil, errors.Join(fmt.Errorf("starting a Vault server: %w; its log ends:\n%s", err, v.logTail()), v.stop())
	}
	return v, nil
}

func (v *vault) setUp(tools tools) error {
	for _, name := range []string{"plugins", "data", "home", "t"} {
		if err := os.Mkdir(v.path(name), 0o700); err != nil {
			return err
		}
	}
	plugins := map[string]string{product: tools.plugin, engines: tools.engines}
	for name, from := range plugins {
		if err := acceptance.CopyExecutable(from, v.path("plugins", name)); err != nil {
			return err
		}
	}
	var err error
	if v.port, err = freeport.Choose(); err != nil {
		return err
	}
	if err := os.WriteFile(v.path("vault.hcl"), []byte(v.config()), 0o600); err != nil {
		return err
	}
	if err := v.launch(); err != nil {
		return err
	}
	if err := v.until(func() error { return v.initialise() }); err != nil {
		return err
	}
	if err := v.unseal(); err != nil {
		return err
	}
	for name := range plugins {
		program, err := os.ReadFile(v.path("plugins", name))
		if err != nil {
			return err
		}
		digest := sha256.Sum256(program)
		if err := v.api.Sys().RegisterPlugin(&api.RegisterPluginInput{
			Name: name, Type: api.PluginTypeSecrets, Command: name, SHA256: hex.EncodeToString(digest[:]),
		}); err != nil {
			return err
		}
	}
	return nil
}

func (v *vault) path(parts ...string) string {
	return filepath.Join(append([]string{v.dir}, parts...)...)
}

func (v *vault) address() string { return fmt.Sprintf("http://127.0.0.1:%d", v.port) }

func (v *vault) config() string {
	storage := `storage "inmem" {}`
	if v.storage == raft {
		storage = fmt.Sprintf("storage \"raft\" {\n  path    = %q\n  node_id = \"one\"\n}\ncluster_addr = \"http://127.0.0.1:%d\"", v.path("data"), v.port+1)
	}
	return fmt.Sprintf(`%s
listener "tcp" {
  address     = "127.0.0.1:%d"
  tls_disable = true
}
api_addr             = %q
plugin_directory     = %q
disable_mlock        = true
raw_storage_endpoint = true
`, storage, v.port, v.address(), v.path("plugins"))
}

// launch starts the server's process.
func (v *vault) launch() error {
	log, err := os.OpenFile(v.path("server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(v.bin, "server", "-config="+v.path("vault.hcl"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = v.dir, log, log
	program, err := acceptance.StartProgram(cmd, "HOME="+v.path("home"), "TMPDIR="+v.path("t"))
	if err != nil {
		return err
	}
	v.program = program
	v.api, err = (&acceptance.Server{Address: v.address(), RootToken: v.token}).NewClient(nil)
	return err
}

// until repeats what a server that is just starting refuses.
func (v *vault) until(try func() error) error {
	deadline := time.Now().Add(readyTimeout)
	for {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (v *vault) initialise() error {
	made, err := v.api.Sys().Init(&api.InitRequest{SecretShares: 1, SecretThreshold: 1})
	if err != nil {
		return err
	}
	v.token, v.unsealKey = made.RootToken, made.Keys[0]
	v.api.SetToken(v.token)
	return nil
}

func (v *vault) unseal() error {
	if err := v.until(func() error {
		state, err := v.api.Sys().Unseal(v.unsealKey)
		if err == nil && state.Sealed {
			err = errors.New("still sealed")
		}
		return err
	}); err != nil {
		return err
	}
	return v.until(func() error {
		state, err := v.api.Sys().Health()
		if err == nil && (state.Sealed || state.Standby) {
			err = errors.New("not active yet")
		}
		return err
	})
}

// pluginPID is the process of a plugin, which has to be running.
func (v *vault) pluginPID(name string) (int, error) {
	pids, err := v.program.Children(v.path("plugins", name))
	if err != nil {
		return 0, err
	}
	if len(pids) != 1 {
		return 0, fmt.Errorf("there are %d processes of the plugin %s where one was expected", len(pids), name)
	}
	return pids[0], nil
}

// stop ends the server and removes what it wrote.
func (v *vault) stop() error {
	var err error
	if v.program != nil {
		err = v.program.Stop()
	}
	return errors.Join(err, os.RemoveAll(v.dir))
}

func (v *vault) logTail() string {
	log, err := os.ReadFile(v.path("server.log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4000):])
}
