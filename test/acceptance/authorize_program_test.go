//go:build unix

package acceptance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/freeport"
)

// authorizeProgram is `scripts/authorize` at work for somebody.
type authorizeProgram struct {
	t       *testing.T
	process *process
	lines   *bufio.Scanner
	said    strings.Builder
	stderr  bytes.Buffer
}

// authorize runs the program with this caller's own Vault token.
func (m *mount) authorize(role string) *authorizeProgram {
	m.t.Helper()
	program := filepath.Join(m.t.TempDir(), "authorize")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "../../scripts/authorize").CombinedOutput()
	require.NoError(m.t, err, string(out))

	a := &authorizeProgram{t: m.t}
	cmd := exec.Command(program, "-mount", m.path, role)
	cmd.Env = cleanEnvironment("HOME="+m.t.TempDir(), "VAULT_ADDR="+m.server.Address, "VAULT_TOKEN="+m.client.Token())
	reader, writer := io.Pipe()
	a.lines = bufio.NewScanner(reader)
	cmd.Stdout, cmd.Stderr = writer, &a.stderr
	a.process, err = startProcess(cmd)
	require.NoError(m.t, err)
	m.t.Cleanup(a.process.killGroup)
	// What is left unread would keep the program from ending.
	m.t.Cleanup(func() { _ = reader.Close() })
	go func() {
		<-a.process.done
		_ = writer.Close()
	}()
	return a
}

// address waits for the address that is to be opened.
func (a *authorizeProgram) address() string {
	a.t.Helper()
	for a.lines.Scan() {
		fmt.Fprintln(&a.said, a.lines.Text())
		if strings.HasPrefix(a.lines.Text(), "https://") {
			return a.lines.Text()
		}
	}
	a.t.Fatalf("no address was printed; it said %s%s", a.said.String(), a.stderr.String())
	return ""
}

// end waits for its end and gives all that it said.
func (a *authorizeProgram) end() string {
	a.t.Helper()
	for a.lines.Scan() {
		fmt.Fprintln(&a.said, a.lines.Text())
	}
	select {
	case <-a.process.done:
	case <-time.After(patience):
		a.t.Fatal("the program did not end")
	}
	require.NoError(a.t, a.process.err, a.stderr.String())
	return a.said.String()
}

// A person signs in for a role with a Vault token that can do that and nothing
// else; afterwards the role's readers have tokens of that person.
func TestAPersonSignsInWithTheProgram(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	port, err := freeport.Choose()
	require.NoError(t, err)
	// The port differs from the registered one, as a loopback address may.
	m.write("roles/people", merge(m.peopleRole(), fields{"redirect_uri": fmt.Sprintf("http://127.0.0.1:%d/oauth/callback", port)}))
	_, err = m.tryRead("people")
	requireStatus(t, err, http.StatusBadRequest, "authorize/people", "sessions/people")

	person := m.orphan(m.peopleRules("people"))
	_, err = person.tryRead("people")
	require.True(t, isForbidden(err))
	program := person.authorize("people")
	address := program.address()
	back, err := m.pm.SignIn(m.caller(), address, "alice", m.pm.User("alice").Password)
	require.NoError(t, err)
	response, err := http.Get(back.String())
	require.NoError(t, err)
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Contains(t, string(page), "You can close this window.")
	said := program.end()
	alice := m.pm.User("alice")
	assert.Contains(t, said, fmt.Sprintf("alice (ProcessMaker user %d) is signed in for role people.", alice.ID))
	assert.NotContains(t, said, back.Query().Get("code"))

	session := m.get("sessions/people")
	assert.Equal(t, "active", session["state"])
	assert.Equal(t, "alice", session["username"])
	assert.Equal(t, fmt.Sprint(alice.ID), session["user_id"])
	assert.Equal(t, fmt.Sprint(codeClient), session["client_id"])
	for range 3 {
		c := m.read("people")
		assert.True(t, m.accepts(c.Token))
		assert.Equal(t, "alice", c.Data["username"])
	}
	assert.Equal(t, 1, m.pm.Count(processmakertest.AnyToken))
	assert.Len(t, m.pm.LiveTokens(), 4)
}
