//go:build unix

package acceptance

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestBadDayAppKeyChanged(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.write("roles/imported", importing)
	m.write("sessions/imported", fields{"refresh_token": requestForms[0].signInAs(m, "alice").RefreshToken})
	d := m.badDay("ProcessMaker's APP_KEY was changed")
	c := m.read("worker")
	d.fill("lease_id", c.LeaseID)
	m.pm.RotateAppKey()
	assert.True(t, m.accepts(c.Token))
	assert.True(t, m.accepts(m.read("imported").Token), "a session goes on with its access token")
	d.hears(d.run("vault lease renew -increment=2h <lease_id>"))
	assert.False(t, m.accepts(c.Token))
	renewed := m.renew(c, 14400)
	assert.True(t, m.accepts(renewed.Token))
	assert.Empty(t, without(renewed.Warnings, "killed a token"))
	assert.Empty(t, m.unaccounted())
}

func TestBadDayPassportKeysChanged(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.writeRole("shared", fields{"rotation_period": "1h"})
	m.writeRole("jobs", personal)
	d := m.badDay("ProcessMaker's Passport keys were changed")
	refreshed, job := m.read("worker"), m.read("jobs")
	extended := m.read("worker", "renew_mode", "extend")
	shared := m.get("static-creds/shared")["access_token"].(string)
	m.pm.RotatePassportKey()
	for _, token := range []string{refreshed.Token, extended.Token, job.Token, shared} {
		assert.False(t, m.accepts(token))
	}
	refreshed = m.renew(refreshed, 7200)
	assert.True(t, m.accepts(refreshed.Token))
	extended = m.renew(extended, 7200)
	assert.False(t, m.accepts(extended.Token), "the page says so")
	assert.Equal(t, shared, m.get("static-creds/shared")["access_token"], "the page says so")
	assert.True(t, m.accepts(m.read("jobs").Token), "the session was refreshed")

	d.hears(d.run("vault write processmaker/credentials/revoke all=true"))
	d.fill("lease_id", extended.LeaseID)
	d.hears(d.fails("vault lease renew -increment=2h <lease_id>"))
	d.run("vault read processmaker/static-creds/shared")
	assert.True(t, m.accepts(m.get("static-creds/shared")["access_token"].(string)))
	assert.True(t, m.accepts(m.read("worker", "renew_mode", "extend").Token))
}

func TestBadDaySessionLost(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.write("roles/people", m.peopleRole())
	m.write("roles/imported", importing)
	d := m.badDay("The session is lost")
	m.signIn("people", "alice")
	m.write("sessions/imported", fields{"refresh_token": requestForms[0].signInAs(m, "alice").RefreshToken})
	kept := m.read("people")
	m.pm.RotateAppKey()
	for _, role := range []string{"people", "imported"} {
		m.pm.RevokeTokenByID(m.sessionToken(role))
	}
	d.hears(d.fails("vault read processmaker/creds/people"))
	d.hears(d.run("vault read processmaker/sessions/people"))
	assert.True(t, m.accepts(kept.Token))

	// The command line does what the person's next step needs.
	d.run("vault write -f processmaker/authorize/people")
	address, state := m.begin("people")
	d.fill("code", m.approve(address, "alice").Get("code"))
	d.fill("state", state)
	d.hears(d.run("vault write processmaker/sessions/people code=<code> state=<state>"))
	d.run("vault read processmaker/creds/people")

	d.hears(d.fails("vault read processmaker/creds/imported"))
	d.file("refresh-token.txt", requestForms[0].signInAs(m, "alice").RefreshToken)
	d.run("vault write processmaker/sessions/imported refresh_token=@refresh-token.txt")
	d.run("vault read processmaker/creds/imported")
	assert.Empty(t, m.unaccounted())
}

func TestBadDayConfigDeleted(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	d := m.badDay("The config was deleted by mistake")
	c := m.read("worker")
	d.fill("lease_id", c.LeaseID)
	d.hears(d.run("vault delete processmaker/config"))
	d.hears(d.fails("vault read processmaker/creds/worker"))
	d.file("client-secret.txt", m.pm.Client(passwordClient).Secret)
	d.run("vault write processmaker/config url=https://bpm.example.com client_id=3 client_secret=@client-secret.txt")
	d.run("vault lease renew -increment=2h <lease_id>")
	d.run("vault read processmaker/creds/worker")
}

func TestBadDayTokenLeaked(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	d := m.badDay("A token has leaked")
	leaked, other := m.read("worker"), m.read("worker")
	d.fill("credential_id", leaked.CredentialID)
	assert.Contains(t, d.run("vault read processmaker/credentials/<credential_id>"), leaked.TokenID)
	d.run("vault write -f processmaker/credentials/<credential_id>/revoke")
	assert.False(t, m.accepts(leaked.Token))
	d.run("vault write -f processmaker/tidy")
	assert.True(t, m.accepts(other.Token), "tidy ended what was not due")
	d.hears(d.run("vault read processmaker/status/worker unmanaged=true"))
	d.hears(d.run("vault write processmaker/credentials/revoke role=worker"))
	assert.False(t, m.accepts(other.Token))
	d.run("vault write processmaker/credentials/revoke all=true")
	_, err := m.client.Sys().Renew(other.LeaseID, 7200)
	requireStatus(t, err, http.StatusBadRequest, "read the role again")
	assert.Empty(t, m.pm.LiveTokens())
}
