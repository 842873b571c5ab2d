//go:build unix

package acceptance

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// pipelineJob writes down its token, waits until it may go on, and ends with the
// status that it is told.
const pipelineJob = `printf %s "$PROCESSMAKER_TOKEN" >token.part && mv token.part token
until [ -e go-on ]; do sleep 0.05; done
exit "$1"`

// pipeline is one run of the example's shell step.
type pipeline struct {
	t       *testing.T
	m       *mount
	dir     string
	process *process
	stderr  *bytes.Buffer
}

// startPipeline runs the step with nothing but sh and vault, allowed what the
// given policy allows.
func startPipeline(t *testing.T, m *mount, policy, ttl, status string) *pipeline {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.Symlink(m.server.vaultBin, filepath.Join(bin, "vault")))
	script, err := filepath.Abs("../../examples/pipeline/with-token.sh")
	require.NoError(t, err)

	p := &pipeline{t: t, m: m, dir: dir, stderr: &bytes.Buffer{}}
	cmd := exec.Command(script, "sh", "-c", pipelineJob, "job", status)
	cmd.Dir = dir
	cmd.Env = cleanEnvironment("HOME="+dir, "PATH="+bin+":/usr/bin:/bin",
		"VAULT_ADDR="+m.server.Address, "VAULT_TOKEN="+m.tokenWithOnly(policy),
		"PROCESSMAKER_CREDS="+m.at("creds/ci"), "PROCESSMAKER_TTL="+ttl)
	cmd.Stdout, cmd.Stderr = p.stderr, p.stderr
	p.process, err = startProcess(cmd)
	require.NoError(t, err)
	t.Cleanup(p.process.killGroup)
	return p
}

// tokenWithOnly returns a Vault token with this policy and no other.
func (m *mount) tokenWithOnly(policy string) string {
	m.t.Helper()
	name := "only-" + rand.Text()
	require.NoError(m.t, m.client.Sys().PutPolicy(name, policy))
	m.t.Cleanup(func() { _ = m.client.Sys().DeletePolicy(name) })
	secret, err := m.client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{name}, NoDefaultPolicy: true, TTL: "1h"})
	require.NoError(m.t, err)
	return secret.Auth.ClientToken
}

// token waits for the job to have its token, and requires that it works.
func (p *pipeline) token() string {
	p.t.Helper()
	file := filepath.Join(p.dir, "token")
	eventually(p.t, "the job has its token", func() bool {
		_, err := os.Stat(file)
		return err == nil
	})
	text, err := os.ReadFile(file)
	require.NoError(p.t, err)
	require.True(p.t, p.m.accepts(string(text)), "the job's token")
	return string(text)
}

func (p *pipeline) goOn() {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(filepath.Join(p.dir, "go-on"), nil, 0o600))
}

// status waits for the step to end.
func (p *pipeline) status() int {
	p.t.Helper()
	select {
	case <-p.process.done:
	case <-time.After(patience):
		p.t.Fatal("the step did not end")
	}
	return p.process.cmd.ProcessState.ExitCode()
}

func pipelinePolicy(t *testing.T, m *mount) string {
	return exampleText(t, "pipeline/policy.hcl", "processmaker/creds/ci", m.at("creds/ci"))
}

// However the job ends, its token has ended when the step has.
func TestPipelineEndsItsToken(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	policy := pipelinePolicy(t, m)
	for _, c := range []struct {
		name   string
		end    func(p *pipeline)
		job    string
		status int
	}{
		{"success", (*pipeline).goOn, "0", 0},
		{"a failing job", (*pipeline).goOn, "7", 7},
		{"TERM", func(p *pipeline) { p.process.signal(syscall.SIGTERM) }, "0", 143},
		{"INT", func(p *pipeline) { p.process.signal(syscall.SIGINT) }, "0", 130},
		{"TERM for the whole group", func(p *pipeline) { _ = syscall.Kill(-p.process.cmd.Process.Pid, syscall.SIGTERM) }, "0", 143},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := startPipeline(t, m, policy, "1h", c.job)
			token := p.token()
			c.end(p)
			assert.Equal(t, c.status, p.status(), p.stderr)
			assert.False(t, m.accepts(token), "the token lives on after the job")
			assert.Empty(t, m.pm.LiveTokens())
			assert.NotContains(t, p.stderr.String(), token)
		})
	}
}

// TERM comes while Vault still gets the token: the step knows of it only when it
// has it, and ends it then.
func TestPipelineStoppedWhileReading(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	release := make(chan struct{})
	m.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Hold(release)})
	p := startPipeline(t, m, pipelinePolicy(t, m), "1h", "0")
	eventually(t, "the login is under way", func() bool { return m.pm.Count(processmakertest.PasswordGrant) == 1 })
	p.process.signal(syscall.SIGTERM)
	close(release)
	assert.Equal(t, 143, p.status(), p.stderr)
	assert.Empty(t, m.pm.LiveTokens())
	assert.NoFileExists(t, filepath.Join(p.dir, "token"), "the job was started all the same")
}

// After kill -9 nobody is there to revoke; the end of the lease does it.
func TestPipelineKilledAtOnce(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	p := startPipeline(t, m, pipelinePolicy(t, m), "5s", "0")
	token := p.token()
	p.process.killGroup()
	p.status()
	eventually(t, "the token is dead", func() bool { return !m.accepts(token) })
}

// A token that could not be ended is not passed over in silence.
func TestPipelineThatCannotRevoke(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	p := startPipeline(t, m, `path "`+m.at("creds/ci")+`" { capabilities = ["read"] }`, "1h", "0")
	p.token()
	p.goOn()
	assert.Equal(t, 1, p.status())
	assert.Contains(t, p.stderr.String(), "could not end the token; it lives until its lease "+m.at("creds/ci/"))
}

// The policy allows what the step does and nothing beside it.
func TestPipelinePolicy(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("other", nil)
	caller := *m
	client, err := m.client.CloneWithHeaders()
	require.NoError(t, err)
	client.SetToken(m.tokenWithOnly(pipelinePolicy(t, m)))
	caller.client = client

	own, theirs := caller.read("ci"), m.read("other")
	write := func(path string, body fields) error {
		_, err := client.Logical().Write(path, body)
		return err
	}
	for name, err := range map[string]error{
		"another role":             second(caller.tryRead("other")),
		"another lease":            caller.tryRevoke(theirs),
		"another lease, by body":   write("sys/leases/revoke", fields{"lease_id": theirs.LeaseID}),
		"another lease, disguised": write("sys/leases/revoke/"+own.LeaseID, fields{"lease_id": theirs.LeaseID}),
		"all leases":               client.Sys().RevokePrefix(m.at("creds/ci")),
		"renewing":                 second(client.Sys().Renew(own.LeaseID, 60)),
		"reading the role":         second(client.Logical().Read(m.at("roles/ci"))),
		"reading the config":       second(client.Logical().Read(m.at("config"))),
		"posting":                  write(m.at("creds/ci"), fields{}),
	} {
		assert.Truef(t, isForbidden(err), "%s: %v", name, err)
	}
	assert.True(t, m.accepts(theirs.Token))
	require.NoError(t, caller.tryRevoke(own))
	assert.False(t, m.accepts(own.Token))

	// The end of the job's Vault token ends what was read with it.
	last := caller.read("ci")
	_, err = client.Logical().Write("auth/token/revoke-self", nil)
	require.NoError(t, err)
	eventually(t, "the token is dead", func() bool { return !m.accepts(last.Token) })
	_, err = caller.tryRead("ci")
	requireStatus(t, err, http.StatusForbidden, "")
}

func second[T any](_ T, err error) error { return err }
