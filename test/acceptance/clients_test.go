//go:build unix

package acceptance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// clients are the examples that a program copies, and what runs them.
var clients = map[string]struct{ interpreter, file string }{
	"python": {"python3", "python/processmaker.py"},
	"node":   {"node", "node/processmaker.mjs"},
	"php":    {"php", "php/ProcessMaker.php"},
}

// interpreter skips the test where the machine cannot run the language.
func interpreter(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s on this machine", name)
	}
	if name == "node" && exec.Command(path, "-e", "process.exit(typeof fetch === 'function' ? 0 : 1)").Run() != nil {
		t.Skip("this Node.js is older than 18 and has no fetch")
	}
	return path
}

// clientRun is a running example that asks for what it is told.
type clientRun struct {
	m       *mount
	process *process
	in      io.WriteCloser
	out     *bufio.Scanner
	said    *bytes.Buffer
}

// clientMount has the role app with leases of this length.
func clientMount(t *testing.T, ttl string) *mount {
	t.Helper()
	m := newMount(t)
	m.writeConfig(fields{"token_requests_per_minute": 0})
	m.writeRole("app", fields{"renew_mode": "extend", "ttl": ttl})
	return m
}

func (m *mount) clientEnvironment(t *testing.T, additions ...string) []string {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, []byte(m.pm.CACertPEM()), 0o600))
	return cleanEnvironment(append([]string{
		"HOME=" + os.Getenv("HOME"), "VAULT_ADDR=" + m.server.Address, "SSL_CERT_FILE=" + ca, "NODE_EXTRA_CA_CERTS=" + ca,
	}, additions...)...)
}

// startClient runs an example with a Vault token that may do no more than the
// pipelines' policy allows.
func (m *mount) startClient(t *testing.T, language string) *clientRun {
	t.Helper()
	client := clients[language]
	file, err := filepath.Abs(filepath.Join("..", "..", "examples", client.file))
	require.NoError(t, err)
	cmd := exec.Command(interpreter(t, client.interpreter), file)
	policy := exampleText(t, "pipeline/policy.hcl", "processmaker/creds/ci", m.at("creds/app"))
	cmd.Env = m.clientEnvironment(t, "VAULT_TOKEN="+m.tokenWithOnly(policy), "PYTHONDONTWRITEBYTECODE=1",
		"PROCESSMAKER_URL="+m.pm.URL(), "PROCESSMAKER_CREDS="+m.at("creds/app"))
	run := &clientRun{m: m, said: &bytes.Buffer{}}
	cmd.Stderr = run.said
	run.in, err = cmd.StdinPipe()
	require.NoError(t, err)
	out, writer, err := os.Pipe()
	require.NoError(t, err)
	defer writer.Close()
	cmd.Stdout, run.out = writer, bufio.NewScanner(out)
	run.process, err = startProcess(cmd)
	require.NoError(t, err)
	t.Cleanup(run.process.killGroup)
	return run
}

// ask lets the example call ProcessMaker, and gives the status that it printed.
func (c *clientRun) ask() string {
	c.m.t.Helper()
	_, err := fmt.Fprintf(c.in, "/users/%d\n", c.m.pm.User("alice").ID)
	require.NoError(c.m.t, err, c.said)
	require.True(c.m.t, c.out.Scan(), c.said)
	return c.out.Text()
}

// ends waits for the example's end, after which no token of its own may live.
func (c *clientRun) ends(status int) {
	c.m.t.Helper()
	select {
	case <-c.process.done:
	case <-time.After(patience):
		c.m.t.Fatal("the example did not end")
	}
	assert.Equal(c.m.t, status, c.process.cmd.ProcessState.ExitCode(), c.said)
	assert.Empty(c.m.t, c.said.String())
	assert.Empty(c.m.t, c.m.pm.LiveTokens())
}

func (m *mount) logins() int { return m.pm.Count(processmakertest.PasswordGrant) }

// endTokens ends at ProcessMaker what lives there.
func (m *mount) endTokens() {
	for _, token := range m.pm.LiveTokens() {
		m.pm.RevokeTokenByID(token.ID)
	}
}

// The examples read once for many calls, do not ask Vault again for what was
// just refused, and end their token with themselves.
func TestClientsKeepTheirToken(t *testing.T) {
	t.Parallel()
	skipWithoutBinaries(t)
	for language := range clients {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			m := clientMount(t, "1h")
			c := m.startClient(t, language)
			for range 5 {
				require.Equal(t, "200", c.ask())
			}
			assert.Equal(t, 1, m.logins())
			require.NoError(t, c.in.Close())
			c.ends(0)

			refused := m.startClient(t, language)
			require.Equal(t, "200", refused.ask())
			m.endTokens()
			for range 3 {
				require.Equal(t, "401", refused.ask())
			}
			assert.Equal(t, 2, m.logins(), "a login for a token that was just refused")
			require.NoError(t, refused.in.Close())
			refused.ends(0)
		})
	}
}

// The examples replace their token before its lease ends, and once where it is
// refused; being told to stop they end it too.
func TestClientsReadAgain(t *testing.T) {
	t.Parallel()
	skipWithoutBinaries(t)
	for language := range clients {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			m := clientMount(t, "6s")
			c := m.startClient(t, language)
			eventually(t, "two leases have been replaced", func() bool {
				require.Equal(t, "200", c.ask(), c.said)
				return m.logins() == 3
			})
			// A tenth of the lease later, a refused token is not a new one any more.
			time.Sleep(700 * time.Millisecond)
			m.endTokens()
			require.Equal(t, "200", c.ask())
			assert.Equal(t, 4, m.logins())
			assert.Equal(t, 1, m.refusals(), "a call without a live token, but for the one above")
			c.process.signal(syscall.SIGTERM)
			c.ends(143)
		})
	}
}

// A script of ProcessMaker's own gets what it returns, and leaves no token.
func TestScriptTask(t *testing.T) {
	t.Parallel()
	skipWithoutBinaries(t)
	php := interpreter(t, "php")
	m := clientMount(t, "10m")
	dir := t.TempDir()
	policy := exampleText(t, "pipeline/policy.hcl", "processmaker/creds/ci", m.at("creds/app"))
	auth := m.appRole(dir, policy, fields{"token_ttl": "5m"})
	script := exampleText(t, "script-task/script.php", "auth/approle", auth, "processmaker/creds/app", m.at("creds/app"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "script.php"), []byte(script), 0o600))
	id, err := os.ReadFile(filepath.Join(dir, "role-id"))
	require.NoError(t, err)
	secret, err := os.ReadFile(filepath.Join(dir, "secret-id"))
	require.NoError(t, err)
	run := func(user int64) (output, problems string, err error) {
		// As docker-executor-php's bootstrap.php does it.
		cmd := exec.Command(php, "-r", fmt.Sprintf(`$data = ["user_id" => %d]; $config = []; echo json_encode(require "script.php");`, user))
		cmd.Dir = dir
		cmd.Env = m.clientEnvironment(t, "VAULT_ROLE_ID="+string(id), "VAULT_SECRET_ID="+string(secret), "OTHER_PROCESSMAKER_URL="+m.pm.URL()+"/")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err = cmd.Run()
		return stdout.String(), stderr.String(), err
	}
	output, problems, err := run(m.pm.User("alice").ID)
	require.NoError(t, err, output+problems)
	assert.JSONEq(t, `{"username":"alice"}`, output)
	assert.Equal(t, 1, m.logins())
	// Vault revokes the leases of an ended token after it has answered.
	dead := func() bool { return len(m.pm.LiveTokens()) == 0 }
	eventually(t, "the token of a script that ended is dead", dead)

	output, problems, err = run(987654)
	require.Error(t, err)
	assert.Contains(t, output+problems, "/users/987654 answers 404")
	assert.NotContains(t, output+problems, strings.TrimSpace(string(secret)))
	assert.Equal(t, 2, m.logins())
	eventually(t, "the token of a script that failed is dead", dead)
}
