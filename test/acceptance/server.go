//go:build unix

package acceptance

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"vault-plugin-secrets-processmaker/test/freeport"

	"github.com/hashicorp/vault/api"
)

// startTimeout is how long a Vault server may take until it answers and knows
// the plugin; stopTimeout how long until it has ended after being asked to.
const (
	startTimeout = 2 * time.Minute
	stopTimeout  = time.Minute
)

// PluginName is the name the plugin has in the server's catalog.
const PluginName = "vault-plugin-secrets-processmaker"

// Server is a Vault server, running as a process of its own: one in development
// mode (StartServer) or a node that keeps its storage on disk (StartRaftCluster),
// with the plugin in its catalog, or one that knows no plugin yet
// (StartInstalledServer).
type Server struct {
	Address   string // URL of the API
	RootToken string
	LogPath   string // all that the server and its plugins print
	AuditPath string // where EnableFileAudit makes it log
	PluginDir string // where it looks for plugins

	vaultBin    string
	home        string
	temp        string
	environment []string
	process     *process
	// orphaned are processes that were ended alone: their plugins may live on.
	orphaned []*process
	// raft is nil where the storage is in memory.
	raft *raftNode
	// openBao says that it is OpenBao's server, which has the devices of its
	// audit log from its configuration and not from its API.
	openBao bool
}

// ServerConfig says what to start and where its files go.
type ServerConfig struct {
	VaultBin string
	// PluginBin is copied into the server's PluginDir, unless it is empty.
	PluginBin string
	// Dir is an empty folder for everything the server writes; it is left in
	// place when the server ends.
	Dir string
	// Environment is what the server and its plugins get beside a clean one.
	Environment []string
}

// newServer lays out the files of a server.
func newServer(config ServerConfig) (*Server, error) {
	s := &Server{
		LogPath:   filepath.Join(config.Dir, "server.log"),
		AuditPath: filepath.Join(config.Dir, "audit.log"),
		vaultBin:  config.VaultBin,
		home:      filepath.Join(config.Dir, "home"),
		// Plugins put their sockets here, whose names must stay short.
		temp: filepath.Join(config.Dir, "t"),
		// A development server starts every file in this folder as a plugin: it
		// holds nothing else.
		PluginDir:   filepath.Join(config.Dir, "plugins"),
		environment: config.Environment,
	}
	version, err := exec.Command(s.vaultBin, "version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s version: %w", s.vaultBin, err)
	}
	s.openBao = strings.HasPrefix(string(version), "OpenBao ")
	for _, dir := range []string{s.home, s.temp, s.PluginDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	if config.PluginBin == "" {
		return s, nil
	}
	return s, CopyExecutable(config.PluginBin, filepath.Join(s.PluginDir, PluginName))
}

// StartServer starts a server in development mode and returns once it is ready
// for use.
func StartServer(config ServerConfig) (*Server, error) {
	s, err := newServer(config)
	if err != nil {
		return nil, err
	}
	s.RootToken = "root-" + rand.Text()
	// Lets a test see what a lease keeps in Vault's own storage.
	settings := filepath.Join(config.Dir, "settings.hcl")
	if err := os.WriteFile(settings, []byte("raw_storage_endpoint = true\n"+s.auditSettings()), 0o600); err != nil {
		return nil, err
	}

	err = s.startSomewhere(inCatalog, func(address string) ([]string, error) {
		return []string{
			"-dev", "-dev-no-store-token", "-dev-root-token-id=" + s.RootToken, "-dev-listen-address=" + address,
			"-dev-plugin-dir=" + s.PluginDir, "-config=" + settings,
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// startSomewhere starts the server on a free port, with the arguments for that
// address, and returns once it is ready. The port may be taken by someone else
// before the server has it.
func (s *Server) startSomewhere(ready func(*api.Client) error, arguments func(address string) ([]string, error)) (err error) {
	for range 3 {
		var port int
		if port, err = freeport.Choose(); err != nil {
			return err
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		s.Address = "http://" + address
		var args []string
		if args, err = arguments(address); err != nil {
			return err
		}
		if err = s.start(ready, args); err == nil {
			return nil
		}
	}
	return err
}

// start starts the server's process and returns once it is ready.
func (s *Server) start(ready func(*api.Client) error, args []string) error {
	log, err := os.OpenFile(s.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.vaultBin, append([]string{"server", "-log-level=trace"}, args...)...)
	cmd.Env = cleanEnvironment(append([]string{"HOME=" + s.home, "TMPDIR=" + s.temp}, s.environment...)...)
	cmd.Dir = s.home
	cmd.Stdout, cmd.Stderr = log, log
	process, err := startProcess(cmd)
	if err != nil {
		// A server that ran before is still there to be ended.
		return fmt.Errorf("cannot start %s: %w", s.vaultBin, err)
	}
	s.process = process
	if err := s.waitFor(ready); err != nil {
		s.Kill()
		return fmt.Errorf("%w; the server's log ends:\n%s", err, s.LogTail(30))
	}
	return nil
}

// makeKeys initialises a server that is not in development mode: it has a root
// token then, and is opened with the key.
func (s *Server) makeKeys() (unsealKey string, err error) {
	client, err := s.NewClient(nil)
	if err != nil {
		return "", err
	}
	made, err := client.Sys().Init(&api.InitRequest{SecretShares: 1, SecretThreshold: 1})
	if err != nil {
		return "", fmt.Errorf("initialising %s: %w", s.Address, err)
	}
	s.RootToken = made.RootToken
	return made.KeysB64[0], nil
}

// waitFor waits until a request succeeds, unless the server ends before that.
func (s *Server) waitFor(request func(*api.Client) error) error {
	client, err := s.NewClient(nil)
	if err != nil {
		return err
	}
	// Whoever has taken the server's port may take requests and never answer.
	client.SetClientTimeout(10 * time.Second)
	deadline := time.After(startTimeout)
	for {
		err := request(client)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("the Vault server ended while starting: %v", s.process.err)
		case <-deadline:
			return fmt.Errorf("the Vault server was not ready after %s: %w", startTimeout, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the server and its plugins in good order, and what is left of
// processes of this server before it.
func (s *Server) Stop() error {
	s.KillOrphans()
	return s.process.stop(stopTimeout)
}

// Kill ends the server and its plugins at once, as a crash of the machine would.
func (s *Server) Kill() {
	s.process.killGroup()
	<-s.process.done
}

// KillServerOnly ends the server alone, at once. Its plugins live on for as long
// as it takes them to notice.
func (s *Server) KillServerOnly() {
	s.process.signal(syscall.SIGKILL)
	<-s.process.done
	s.orphaned = append(s.orphaned, s.process)
}

// KillOrphans ends the plugins that KillServerOnly has left.
func (s *Server) KillOrphans() {
	for _, process := range s.orphaned {
		process.killGroup()
	}
	s.orphaned = nil
}

// NewClient returns a client of the server's API with the root token. It
// repeats nothing by itself, so that a test counts what it asked for. A wrap
// function, if given, gets between the client and the network.
func (s *Server) NewClient(wrap func(http.RoundTripper) http.RoundTripper) (*api.Client, error) {
	config := api.DefaultConfig()
	if config.Error != nil {
		return nil, config.Error
	}
	config.Address = s.Address
	config.MaxRetries = 0
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.MaxIdleConnsPerHost = 100
	config.HttpClient.Transport = transport
	if wrap != nil {
		config.HttpClient.Transport = wrap(transport)
	}
	client, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	client.SetToken(s.RootToken)
	client.ClearNamespace()
	return client, nil
}

// inCatalog is an error as long as the server does not know the plugin, which
// is the last that a development server does before it is ready. It lists, as
// one can ask for a plugin by its name only with its version.
func inCatalog(client *api.Client) error {
	known, err := client.Sys().ListPlugins(&api.ListPluginsInput{Type: api.PluginTypeSecrets})
	if err != nil {
		return err
	}
	for _, plugin := range known.Details {
		if plugin.Name == PluginName {
			return nil
		}
	}
	return fmt.Errorf("%s is not in the catalog", PluginName)
}
