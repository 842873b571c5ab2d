//go:build unix

package acceptance

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// deed is what the incident did to one credential, as it knows itself and not from any log.
type deed struct {
	credential
	role, user string
	reader     string // entities
	unwrapper  string
	wrapped    bool
	renewals   int
	asker, how string
	at         time.Time
}

// incident is a server on which people and jobs do what an analyst is asked about afterwards.
type incident struct {
	*mount
	mu       sync.Mutex
	deeds    []*deed
	entities map[string]string // by name
	failed   []string          // reads that failed: role and reader
	// outage is while ProcessMaker was away.
	outage [2]time.Time
}

const (
	incidentRoles = 30
	// naturalRole hands out what ends by itself, refreshRole what a renewal replaces.
	naturalRole, refreshRole, prefixRole, otherUser = 29, 28, 5, 27
)

// incidentRules let people read, renew, end and unwrap.
const incidentRules = readersRules + `
path "sys/wrapping/unwrap" { capabilities = ["update"] }`

func roleName(i int) string { return fmt.Sprintf("role%02d", i) }

// newIncident is a mount as the page has it, with a storage that outlives the server, and people and
// jobs who may read.
func newIncident(t *testing.T) *incident {
	t.Helper()
	server := ownRaftServer(t, "VAULT_LOG_FORMAT=json")
	require.NoError(t, server.EnableFileAudit())
	m := newMount(t, onServer(server), mountedAt("processmaker"))
	n := &incident{mount: m, entities: map[string]string{}}
	tuneAsDocumented(m)
	m.writeConfig(fields{"token_requests_per_minute": 0})
	for _, name := range []string{"vault-ci", "vault-other"} {
		m.pm.AddUser(processmakertest.User{Username: name, Password: documentedPassword})
	}
	for i := range incidentRoles {
		role := fields{"credential_type": "personal_access_token", "username": "vault-ci", "password": documentedPassword}
		switch i {
		case otherUser:
			role["username"] = "vault-other"
		case refreshRole:
			delete(role, "credential_type")
		case naturalRole:
			role = merge(role, fields{"ttl": "3s", "max_ttl": "3s"})
		}
		m.write("roles/"+roleName(i), role)
	}
	m.sysWrite("sys/policies/acl/jobs", fields{"policy": incidentRules})
	require.NoError(t, m.client.Sys().EnableAuthWithOptions("approle", &api.EnableAuthOptions{Type: "approle"}))
	return n
}

// tuneAsDocumented tunes the mount as docs/audit.md says.
func tuneAsDocumented(m *mount) {
	m.t.Helper()
	blocks, _ := docBlocks(m.t, "docs/audit.md")
	for _, block := range blocks {
		if block.file == "tune" {
			_ = m.shell(block.text)
		}
	}
}

// human is somebody who logs in by userpass.
func (n *incident) human(name string) *mount {
	n.t.Helper()
	person := n.person(name, incidentRules, nil)
	self, err := n.client.Logical().Read("identity/entity/name/" + n.path + "-" + name)
	require.NoError(n.t, err)
	n.remember(name, self.Data["id"].(string))
	return person
}

// job is somebody who logs in by approle.
func (n *incident) job(name string) *mount {
	n.t.Helper()
	at := "auth/approle/role/" + name
	n.sysWrite(at, fields{"token_policies": "jobs", "token_ttl": "1h"})
	id, err := n.client.Logical().Read(at + "/role-id")
	require.NoError(n.t, err)
	secret := n.sysWrite(at+"/secret-id", nil)
	caller := *n.mount
	caller.client = n.anonymous()
	login := caller.sysWrite("auth/approle/login", fields{"role_id": id.Data["role_id"], "secret_id": secret.Data["secret_id"]})
	caller.client.SetToken(login.Auth.ClientToken)
	n.remember(name, login.Auth.EntityID)
	return &caller
}

func (n *incident) remember(name, entity string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entities[name] = entity
}

// takes reads a role for somebody.
func (n *incident) takes(name string, person *mount, role int) *deed {
	n.t.Helper()
	return n.did(name, role, person.read(roleName(role)))
}

func (n *incident) did(name string, role int, c credential) *deed {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := &deed{credential: c, role: roleName(role), user: "vault-ci", reader: n.entities[name], at: time.Now()}
	if role == otherUser {
		d.user = "vault-other"
	}
	n.deeds = append(n.deeds, d)
	return d
}

// asks notes who asked for the end of something, and how.
func (d *deed) asks(entity, how string) { d.asker, d.how = entity, how }

// unfold lives through the incident.
func (n *incident) unfold() {
	n.work("before", 40)
	n.wrapped()
	n.renewed()
	n.leaves()
	n.robbed()
	n.prefixed()
	n.cut()
	n.restarted()
	n.work("after", 20)
	n.operated()
	n.settled()
}

// work is what jobs do: each reads ten times a role of its own turn, and ends each in another way.
func (n *incident) work(when string, jobs int) {
	n.t.Helper()
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := worker; i < jobs; i += 4 {
				n.workOne(fmt.Sprintf("job-%s-%d", when, i), i)
			}
		})
	}
	wait.Wait()
}

func (n *incident) workOne(name string, i int) {
	job := n.job(name)
	var left []*deed
	for k := range 7 {
		role := (i*7 + k) % otherUser
		if role == prefixRole {
			role++
		}
		d := n.takes(name, job, role)
		switch k {
		case 0, 1:
			job.revoke(d.credential)
			d.asks(d.reader, "lease revoke")
		case 2:
			_, err := job.client.Logical().Write("sys/leases/revoke/"+d.LeaseID, fields{"sync": false})
			assert.NoError(n.t, err)
			d.asks(d.reader, "lease revoke")
		default:
			left = append(left, d)
		}
	}
	if i%2 == 0 {
		assert.NoError(n.t, job.client.Auth().Token().RevokeSelf(""))
		for _, d := range left {
			d.asks(d.reader, "token revoke-self")
		}
	}
}

// wrapped: carol reads, and dave or somebody without a name takes it out, or nobody does.
func (n *incident) wrapped() {
	n.t.Helper()
	carol, dave := n.human("carol"), n.human("dave")
	wrapping := carol.anonymous()
	wrapping.SetToken(carol.client.Token())
	wrapping.SetWrappingLookupFunc(func(string, string) string { return "60s" })
	for i := range 15 {
		role := 10 + i%3
		answer, err := wrapping.Logical().Read(n.at("creds/" + roleName(role)))
		require.NoError(n.t, err)
		require.NotNil(n.t, answer.WrapInfo)
		opener := dave.client
		switch i % 3 {
		case 1:
			opener = n.anonymous()
			opener.SetToken(answer.WrapInfo.Token)
		case 2:
			n.mu.Lock()
			n.deeds = append(n.deeds, &deed{role: roleName(role), user: "vault-ci", reader: n.entities["carol"], wrapped: true})
			n.mu.Unlock()
			continue
		}
		token := ""
		if i%3 == 0 {
			token = answer.WrapInfo.Token
		}
		secret, err := opener.Logical().Unwrap(token)
		require.NoError(n.t, err)
		d := n.did("carol", role, asCredential(n.t, secret))
		d.wrapped = true
		if i%3 == 0 {
			d.unwrapper = n.entities["dave"]
			dave.revoke(d.credential)
			d.asks(d.unwrapper, "lease revoke")
		}
	}
}

// renewed: erin renews her own, and mallory one whose lease id she has read in the log.
func (n *incident) renewed() {
	n.t.Helper()
	erin, mallory := n.human("erin"), n.human("mallory")
	for i := range 10 {
		d := n.takes("erin", erin, refreshRole)
		for range 2 {
			d.credential = erin.renew(d.credential, 0)
			d.renewals++
		}
		if i == 0 {
			d.credential = mallory.renew(d.credential, 0)
			d.renewals++
		}
	}
}

// leaves: what is read and forgotten, some of it until it runs out.
func (n *incident) leaves() {
	n.t.Helper()
	grace := n.human("grace")
	for range 20 {
		n.takes("grace", grace, naturalRole)
	}
	for range 5 {
		d := n.takes("grace", grace, otherUser)
		grace.renew(d.credential, 0)
		d.renewals++
	}
}

// robbed: heidi's Vault token is stolen, and the operator ends it by its accessor.
func (n *incident) robbed() {
	n.t.Helper()
	heidi := n.human("heidi")
	self, err := n.client.Auth().Token().Lookup(heidi.client.Token())
	require.NoError(n.t, err)
	var had []*deed
	for i := range 15 {
		had = append(had, n.takes("heidi", heidi, i))
	}
	require.NoError(n.t, n.client.Auth().Token().RevokeAccessor(self.Data["accessor"].(string)))
	for _, d := range had {
		d.asks("", "token revoke-accessor")
	}
}

// prefixed: the operator ends one role's, and nobody else's.
func (n *incident) prefixed() {
	n.t.Helper()
	ivan := n.human("ivan")
	var had []*deed
	for range 10 {
		had = append(had, n.takes("ivan", ivan, prefixRole))
		n.takes("ivan", ivan, prefixRole+1)
	}
	require.NoError(n.t, n.client.Sys().RevokePrefix(n.at("creds/"+roleName(prefixRole))))
	for _, d := range had {
		d.asks("", "lease revoke -prefix")
	}
}

// cut: ProcessMaker is away, reads fail, and an end is refused.
func (n *incident) cut() {
	n.t.Helper()
	judy := n.human("judy")
	d := n.takes("judy", judy, 1)
	queued := n.takes("judy", judy, 2)
	n.outage[0] = time.Now()
	n.pm.GoOffline()
	for _, role := range []int{3, 4} {
		_, err := judy.tryRead(roleName(role))
		require.Error(n.t, err)
		n.failed = append(n.failed, roleName(role)+" "+n.entities["judy"])
	}
	require.Error(n.t, judy.tryRevoke(d.credential))
	_, err := judy.client.Logical().Write("sys/leases/revoke/"+queued.LeaseID, fields{"sync": false})
	require.NoError(n.t, err)
	queued.asks(queued.reader, "lease revoke")
	require.NoError(n.t, n.pm.GoOnline())
	eventually(n.t, "it can be ended", func() bool { return judy.tryRevoke(d.credential) == nil })
	d.asks(d.reader, "lease revoke")
	n.outage[1] = time.Now()
}

// restarted: the server is killed, and starts again.
func (n *incident) restarted() {
	n.t.Helper()
	last := n.human("kate")
	for range 10 {
		n.takes("kate", last, naturalRole)
	}
	n.server.Kill()
	require.NoError(n.t, n.server.Restart())
	eventually(n.t, "the mount answers", func() bool {
		_, err := n.client.Logical().Read(n.at("status"))
		return err == nil
	})
}

// operated: the operator ends what the engine itself is asked to end, and changes a role.
func (n *incident) operated() {
	n.t.Helper()
	liam := n.human("liam")
	for range 5 {
		d := n.takes("liam", liam, 7)
		n.write("credentials/"+d.CredentialID+"/revoke", nil)
		d.asks("", "credentials/<id>/revoke")
	}
	n.write("roles/"+roleName(8), fields{"ttl": "30m"})
	_, err := liam.tryRead("no-such-role")
	require.Error(n.t, err)
	n.failed = append(n.failed, "no-such-role "+n.entities["liam"])
	require.True(n.t, isForbidden(liam.tryWrite("roles/"+roleName(8), fields{"ttl": "2h"})))
}

// settled waits until what was to end has ended, and the log tells of it.
func (n *incident) settled() {
	n.t.Helper()
	var ending []*deed
	for _, d := range n.deeds {
		if d.Secret != nil && (d.how != "" || d.role == roleName(naturalRole)) {
			ending = append(ending, d)
		}
	}
	require.Greater(n.t, len(ending), 300)
	eventually(n.t, "all that was to end has ended", func() bool {
		log := n.infoLines()
		ended := strings.Join(slices.DeleteFunc(log, func(line string) bool { return !strings.Contains(line, "credential ended") }), "\n")
		for _, d := range ending {
			if n.accepts(d.Token) || !strings.Contains(ended, d.CredentialID) {
				time.Sleep(time.Second)
				return false
			}
		}
		return true
	})
}

// infoLines are the lines of the server's log at the level that servers have.
func (n *incident) infoLines() (lines []string) {
	n.t.Helper()
	log, err := os.ReadFile(n.server.LogPath)
	require.NoError(n.t, err)
	for line := range strings.Lines(string(log)) {
		if !strings.Contains(line, `"@level":"trace"`) && !strings.Contains(line, `"@level":"debug"`) {
			lines = append(lines, line)
		}
	}
	return lines
}
