//go:build unix

package acceptance

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// auditedDays is a mount as docs/audit.md has it, and people who do what an
// auditor asks about.
type auditedDays struct {
	*mount
	queries *auditQueries
	read    map[string]credential // by person
	entity  map[string]string     // by person
}

// TestAuditQueries runs every query of the page over the log of people who
// logged in and read, renewed, revoked, failed and left.
func TestAuditQueries(t *testing.T) {
	t.Parallel()
	a := newAuditedDays(t)
	a.live()

	t.Run("which reads failed", a.testFailures)
	t.Run("from a name to the person", a.testNames)
	t.Run("from a token id to the person", a.testTokenIDs)
	a.queries.requireAllRun()

	log, err := os.ReadFile(a.server.AuditPath)
	require.NoError(t, err)
	for _, c := range a.read {
		assert.NotContains(t, string(log), c.Token)
	}
	assert.NotContains(t, string(log), a.pm.User("alice").Password)
	assert.NotContains(t, string(log), a.pm.Client(passwordClient).Secret)
}

func newAuditedDays(t *testing.T) *auditedDays {
	t.Helper()
	m := newMount(t, onServer(ownServer(t)), mountedAt("processmaker"))
	a := &auditedDays{mount: m, queries: newAuditQueries(t, m.server.AuditPath), read: map[string]credential{}, entity: map[string]string{}}
	tuneAsDocumented(m)
	m.writeConfig(nil)
	admin := m.pm.User("admin")
	m.writeRole("ci", personal)
	m.writeRole("worker", fields{"username": admin.Username, "password": admin.Password})
	m.writeRole("shared", merge(personal, fields{"rotation_period": "1h"}))
	return a
}

// shell runs a command of the docs with the server's own vault program.
func (m *mount) shell(script string) string {
	m.t.Helper()
	dir := m.t.TempDir()
	require.NoError(m.t, os.Symlink(m.server.vaultBin, filepath.Join(dir, "vault")))
	cmd := exec.Command("sh", "-eu", "-c", script)
	cmd.Dir = dir
	cmd.Env = cleanEnvironment("HOME="+dir, "PATH="+dir+":/usr/bin:/bin", "VAULT_ADDR="+m.server.Address, "VAULT_TOKEN="+m.client.Token())
	output, err := cmd.CombinedOutput()
	require.NoError(m.t, err, string(output))
	return strings.TrimSpace(string(output))
}

const readersRules = `
path "processmaker/creds/*" { capabilities = ["read"] }
path "processmaker/static-creds/*" { capabilities = ["read"] }
path "sys/leases/*" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }`

// readsStatus is a policy of somebody who gets no token.
const readsStatus = `path "processmaker/status" { capabilities = ["read"] }`

func (a *auditedDays) reader(name, rules string) *mount {
	a.t.Helper()
	person := a.person(name, rules, nil)
	self, err := a.client.Logical().Read("identity/entity/name/" + a.path + "-" + name)
	require.NoError(a.t, err)
	a.entity[name] = self.Data["id"].(string)
	return person
}

// live lets people do what they do.
func (a *auditedDays) live() {
	t := a.t
	carol, dave, erin, frank := a.reader("carol", readersRules), a.reader("dave", readersRules), a.reader("erin", readersRules), a.reader("frank", readsStatus)

	a.read["carol"] = carol.read("ci")
	carol.revoke(a.read["carol"])

	a.read["dave"] = dave.read("ci") // and leaves
	shared, err := dave.client.Logical().Read("processmaker/static-creds/shared")
	require.NoError(t, err)
	require.NotEmpty(t, shared.Data["credential_id"])

	a.read["erin"] = erin.renew(erin.read("worker"), 7200)
	require.NoError(t, erin.client.Auth().Token().RevokeSelf(""))
	eventually(t, "erin's token is dead", func() bool { return !a.accepts(a.read["erin"].Token) })

	a.read["grace"] = a.reader("grace", readersRules).read("ci")
	a.write("credentials/"+a.read["grace"].CredentialID+"/revoke", nil)

	_, err = frank.tryRead("ci")
	require.True(t, isForbidden(err))
	_, err = dave.tryRead("no-such-role")
	requireStatus(t, err, http.StatusBadRequest)
	a.pm.GoOffline()
	_, err = dave.tryRead("worker")
	requireStatus(t, err, http.StatusBadGateway)
	require.NoError(t, a.pm.GoOnline())
	eventually(t, "it is reached again", func() bool { return a.tryWrite("rotate-role/worker", nil) == nil })
}
