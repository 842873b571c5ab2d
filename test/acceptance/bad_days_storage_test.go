//go:build unix

package acceptance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// damageRecord makes what Vault stores of a credential unusable.
func (m *mount) damageRecord(id string) {
	m.t.Helper()
	mounted, err := m.client.Logical().Read("sys/mounts/" + m.path)
	require.NoError(m.t, err)
	key := fmt.Sprintf("sys/raw/logical/%s/ledger/%s/%s", mounted.Data["uuid"], id[:6], id[6:])
	stored, err := m.client.Logical().Read(key)
	require.NoError(m.t, err)
	require.NotNil(m.t, stored, key)
	_, err = m.client.Logical().Write(key, fields{"value": `{"version":1}`})
	require.NoError(m.t, err)
}

func TestBadDayDamagedRecord(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("jobs", personal)
	d := m.badDay("A record is damaged")
	d.fill("admin token", requestForms[0].signInAs(m, "admin").AccessToken)
	login, named := m.read("worker"), m.read("jobs")
	damage := func(c credential) {
		m.damageRecord(c.CredentialID)
		d.fill("lease_id", c.LeaseID)
		d.hears(d.fails("vault lease renew -increment=2h <lease_id>"))
	}
	held := m.read("worker")
	damage(held)
	d.run("vault lease revoke <lease_id>")
	eventually(t, "Vault revokes the lease, which it has only queued", func() bool { return !m.accepts(held.Token) })
	damage(named)
	d.hears(d.run("vault write processmaker/credentials/revoke role=jobs"))
	damage(login)
	foreign := d.run("vault read processmaker/status/jobs unmanaged=true")
	assert.Contains(t, foreign, named.TokenID)
	d.fill("user_id", fmt.Sprint(m.pm.User("alice").ID))
	d.fill("token_id", named.TokenID)
	d.run(deleteByHand)
	d.revokedByConsole(passwordClient)
	for _, c := range []credential{login, named} {
		assert.False(t, m.accepts(c.Token))
		d.fill("credential_id", c.CredentialID)
		d.hears(d.run("vault write processmaker/credentials/<credential_id>/revoke force=true"))
		m.revoke(c)
	}
	d.hears(d.run("vault write processmaker/credentials/revoke role=jobs"))
	assert.NotContains(t, d.run("vault read processmaker/status/jobs unmanaged=true"), named.TokenID)
}
