//go:build unix

package acceptance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func asNumber(t *testing.T, value any) int64 {
	t.Helper()
	number, ok := value.(json.Number)
	require.True(t, ok, "a %T", value)
	count, err := number.Int64()
	require.NoError(t, err)
	return count
}

// addVaultUser adds a second user of the kind that the guides tell to make.
func (m *mount) addVaultUser() processmakertest.User {
	return m.pm.AddUser(processmakertest.User{Username: "vault-worker", Password: "vault-worker-Passw0rd!"})
}

func TestBadDayPasswordChanged(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	d := m.badDay("The password was changed at ProcessMaker")
	c := m.read("worker")
	m.pm.SetPassword("alice", "another-Passw0rd!")
	d.hears(d.fails("vault read processmaker/creds/worker"))
	status := d.run("vault read processmaker/status/worker")
	assert.Contains(t, words(status), "cure Correct username and password of the role")
	c = m.renew(c, 7200)
	assert.True(t, m.accepts(c.Token))
	d.file("password.txt", "another-Passw0rd!")
	d.run("vault write processmaker/roles/worker password=@password.txt verify=true")
	d.run("vault read processmaker/creds/worker")
	assert.Empty(t, m.get("status/worker")["cure"])
	assert.NotEmpty(t, m.get("status/worker")["last_error"])
}

func TestBadDayClientSecretChanged(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	d := m.badDay("The auth client's secret was changed")
	c := m.read("worker")
	d.fill("lease_id", c.LeaseID)
	m.pm.SetClientSecret(passwordClient, "another-secret")
	d.hears(d.fails("vault read processmaker/creds/worker"))
	d.hears(d.run("vault lease renew -increment=2h <lease_id>"))
	assert.True(t, m.accepts(c.Token))
	d.file("client-secret.txt", "another-secret")
	d.run("vault write processmaker/config client_secret=@client-secret.txt")
	d.run("vault read processmaker/creds/worker")
	renewed := m.renew(c, 14400)
	assert.Empty(t, without(renewed.Warnings, "killed a token"))
	assert.NotEqual(t, c.Token, renewed.Token)
	m.revoke(renewed)
	assert.Len(t, m.pm.LiveTokens(), 1)
}

// without leaves out the warnings that hold a text.
func without(warnings []string, text string) (rest []string) {
	for _, warning := range warnings {
		if !strings.Contains(warning, text) {
			rest = append(rest, warning)
		}
	}
	return rest
}

func TestBadDayClientDeleted(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("jobs", personal)
	d := m.badDay("The auth client was deleted")
	c, job := m.read("worker"), m.read("jobs")
	d.fill("lease_id", c.LeaseID)
	m.pm.RevokeClient(passwordClient)
	assert.False(t, m.accepts(c.Token))
	assert.True(t, m.accepts(job.Token))
	d.hears(d.fails("vault read processmaker/creds/worker"))

	other := m.pm.Client(4)
	d.file("client-secret.txt", other.Secret)
	d.run("vault write processmaker/config client_id=4 client_secret=@client-secret.txt")
	d.run("vault write processmaker/credentials/revoke all=true")
	d.hears(d.fails("vault lease renew -increment=2h <lease_id>"))
	d.run("vault read processmaker/creds/worker")
	assert.Equal(t, "4", m.read("worker").Data["client_id"])
	assert.True(t, m.accepts(m.read("jobs").Token))
	m.revoke(c)
	m.revoke(job)
}

func TestBadDayPersonalClientDeleted(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.writeRole("jobs", personal)
	d := m.badDay("The personal access client was deleted")
	c := m.read("jobs")
	m.pm.RevokeClient(1)
	assert.False(t, m.accepts(c.Token))
	d.hears(d.fails("vault read processmaker/creds/jobs"))
	m.pm.AddClient(processmakertest.Client{Name: "another", PersonalAccess: true})
	d.run("vault write processmaker/credentials/revoke role=jobs")
	d.run("vault read processmaker/creds/jobs")
	assert.True(t, m.accepts(m.read("jobs").Token))
}

func TestBadDayUserDeleted(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("jobs", personal)
	d := m.badDay("The user was deleted")
	c, renewed := m.read("worker"), m.read("worker")
	m.read("jobs")
	m.pm.DeleteUser("alice")
	assert.False(t, m.accepts(c.Token))
	d.hears(d.fails("vault read processmaker/creds/worker"))
	d.hears(d.fails("vault read processmaker/creds/jobs"))
	m.revoke(c)
	renewed = m.renew(renewed, 7200)
	assert.False(t, m.accepts(renewed.Token), "the page says so")

	m.addVaultUser()
	d.file("password.txt", m.pm.User("vault-worker").Password)
	d.run("vault write processmaker/roles/worker username=vault-worker password=@password.txt verify=true")
	d.run("vault write processmaker/credentials/revoke role=worker")
	d.run("vault read processmaker/creds/worker")
	again := m.read("worker")
	assert.Equal(t, "vault-worker", again.Data["username"])
	assert.True(t, m.accepts(again.Token))
}

func TestBadDayUserRestored(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("jobs", personal)
	d := m.badDay("The user was deleted and restored")
	admin := requestForms[0].signInAs(m, "admin")
	d.fill("admin token", admin.AccessToken)
	kept, ended, named := m.read("worker"), m.read("worker"), m.read("jobs")
	m.pm.DeleteUser("alice")
	m.revoke(ended)
	m.revoke(named)
	m.pm.RestoreUser("alice")
	assert.True(t, m.accepts(kept.Token))
	assert.True(t, m.accepts(ended.Token), "the exception is not as the page says")
	assert.True(t, m.accepts(named.Token), "the exception is not as the page says")

	foreign := d.run("vault read processmaker/status/jobs unmanaged=true")
	assert.Contains(t, foreign, named.TokenID)
	d.fill("user_id", fmt.Sprint(m.pm.User("alice").ID))
	d.fill("token_id", named.TokenID)
	d.run(deleteByHand)
	assert.False(t, m.accepts(named.Token))
	d.revokedByConsole(passwordClient)
	d.run("vault write processmaker/credentials/revoke all=true")
	d.hears(d.run("vault read processmaker/status/jobs unmanaged=true"))
	d.revokedByConsole(passwordClient)
	assert.True(t, m.accepts(m.read("worker").Token))
	assert.True(t, m.accepts(m.read("jobs").Token))
}

const (
	deleteByHand = `curl -s -X DELETE -H "Accept: application/json" -H @admin-header https://bpm.example.com/api/1.0/users/<user_id>/tokens/<token_id>`
	showByHand   = `curl -s -H "Accept: application/json" -H @admin-header https://bpm.example.com/api/1.0/users/<user_id>/tokens/<token_id>`
)

// Tokens that the engine has nothing of any more are found and ended.
func TestFindAndEndByHand(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("jobs", personal)
	d := m.badDay("Find and end tokens in ProcessMaker")
	d.fill("admin token", requestForms[0].signInAs(m, "admin").AccessToken)
	d.fill("user_id", fmt.Sprint(m.pm.User("alice").ID))
	login, named := m.read("worker"), m.read("jobs")
	assert.NotContains(t, d.run("vault read processmaker/status/jobs unmanaged=true"), named.TokenID, "not foreign")
	for _, c := range []credential{login, named} {
		d.fill("token_id", c.TokenID)
		assert.NotContains(t, d.run(showByHand), `"revoked":true`)
		d.run(deleteByHand)
		assert.Contains(t, d.run(showByHand), `"revoked":true`)
		assert.False(t, m.accepts(c.Token))
	}
	d.run("vault write processmaker/credentials/revoke all=true")
	d.revokedByConsole(passwordClient)
}

func TestBadDayUserInactive(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	d := m.badDay("The user was made inactive or blocked")
	c := m.read("worker")
	m.pm.SetStatus("alice", "BLOCKED")
	assert.True(t, m.accepts(c.Token))
	d.run("vault read processmaker/creds/worker")
	d.hears(d.run("vault write processmaker/credentials/revoke role=worker"))
	d.run("vault delete processmaker/roles/worker")
	d.hears(d.fails("vault read processmaker/creds/worker"))
	assert.Empty(t, m.pm.LiveTokens())
}
