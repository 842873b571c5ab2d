//go:build unix

package acceptance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// policyPage is a mount as docs/policies.md has it, and the page's policies.
type policyPage struct {
	*mount
	policies map[string]string
	unused   map[string]bool
}

func newPolicyPage(t *testing.T) *policyPage {
	t.Helper()
	p := &policyPage{policies: map[string]string{}, unused: map[string]bool{}}
	blocks, _ := docBlocks(t, "docs/policies.md")
	for _, block := range blocks {
		if name, ok := strings.CutPrefix(block.file, "policy "); ok {
			require.NotContains(t, p.policies, name)
			p.policies[name], p.unused[name] = block.text, true
		}
	}
	p.mount = newMount(t, onServer(ownServer(t)), mountedAt("processmaker"))
	p.writeConfig(nil)
	p.writeRole("ci", personal)
	p.writeRole("app", merge(personal, fields{"rotation_period": "1h"}))
	p.writeRole("lone", nil)
	return p
}

// policy gives a policy of the page.
func (p *policyPage) policy(name string) string {
	p.t.Helper()
	require.Contains(p.t, p.policies, name)
	delete(p.unused, name)
	return p.policies[name]
}

// attempt is one request.
type attempt struct {
	method, path string
	with         fields
}

// do tells whether a request was let through to the engine, whatever it said.
func (m *mount) do(a attempt) error {
	path := a.path
	if !strings.HasPrefix(path, "sys/") {
		path = m.at(path)
	}
	var err error
	switch a.method {
	case http.MethodGet:
		query := map[string][]string{}
		for name, value := range a.with {
			query[name] = strings.Split(value.(string), ",")
		}
		_, err = m.client.Logical().ReadWithData(path, query)
	case http.MethodPatch:
		_, err = m.client.Logical().JSONMergePatch(m.t.Context(), path, a.with)
	case http.MethodDelete:
		_, err = m.client.Logical().Delete(path)
	case "LIST":
		_, err = m.client.Logical().List(path)
	default:
		_, err = m.client.Logical().Write(path, a.with)
	}
	return err
}

// may requires that all of these work.
func (m *mount) may(attempts ...attempt) {
	m.t.Helper()
	for _, a := range attempts {
		assert.NoError(m.t, m.do(a), "%s %s %v", a.method, a.path, keys(a.with))
	}
}

// mayNot requires that Vault refuses all of these.
func (m *mount) mayNot(attempts ...attempt) {
	m.t.Helper()
	for _, a := range attempts {
		assert.True(m.t, isForbidden(m.do(a)), "%s %s %v is let through", a.method, a.path, a.with)
	}
}

// tokenReads are the requests that hand out tokens; what follows are the uses of
// other paths.
func tokenReads() []attempt {
	return []attempt{
		{http.MethodGet, "creds/ci", nil}, {http.MethodPost, "creds/ci", fields{}}, {http.MethodGet, "static-creds/app", nil},
	}
}

func configUse() []attempt {
	return []attempt{
		{http.MethodGet, "config", nil}, {http.MethodPost, "config", fields{"request_timeout": "5s"}},
		{http.MethodPatch, "config", fields{"request_timeout": "5s"}}, {http.MethodDelete, "config", nil},
	}
}

func roleUse() []attempt {
	return []attempt{
		{http.MethodGet, "roles/ci", nil}, {http.MethodPost, "roles/ci", fields{"ttl": "5m"}},
		{http.MethodPatch, "roles/ci", fields{"ttl": "5m"}}, {http.MethodDelete, "roles/ci", nil},
		{http.MethodPost, "rotate-role/ci", nil},
	}
}

func sessionUse() []attempt {
	return []attempt{
		{http.MethodPost, "sessions/ci", fields{"refresh_token": "x"}}, {http.MethodDelete, "sessions/ci", nil}, {http.MethodPost, "authorize/ci", nil},
	}
}

// Every policy of the page lets through what the page says, and nothing that
// matters besides.
func TestPoliciesOfTheDocs(t *testing.T) {
	t.Parallel()
	p := newPolicyPage(t)
	t.Run("reader", p.testReader)
	t.Run("role manager", p.testRoleManager)
	t.Run("auditor", p.testAuditor)
	t.Run("responder", p.testResponder)
	t.Run("operator", p.testOperator)
	t.Run("signer", p.testSigner)
	t.Run("config writer", p.testConfigWriter)
	assert.Empty(t, p.unused, "policies that the page has and nobody tried")
}

func (p *policyPage) testReader(t *testing.T) {
	reader := p.withPolicy(p.policy("reader"))
	c := reader.read("ci", "ttl", "10m", "renew_mode", "none")
	assert.Equal(t, 600, c.LeaseDuration)
	assert.False(t, c.Renewable)
	_, err := reader.client.Sys().Renew(c.LeaseID, 7200)
	require.Error(t, err)
	get := func(with fields) attempt { return attempt{http.MethodGet, "creds/ci", with} }
	reader.mayNot(
		get(nil), get(fields{"ttl": "10m"}), get(fields{"renew_mode": "none"}),
		get(fields{"ttl": "9h", "renew_mode": "none"}), get(fields{"ttl": "600", "renew_mode": "none"}),
		get(fields{"ttl": "10m", "renew_mode": "extend"}),
		get(fields{"ttl": "10m,9h", "renew_mode": "none"}), get(fields{"ttl": "10m", "renew_mode": "none", "more": "x"}),
		attempt{http.MethodPost, "creds/ci", fields{"ttl": "10m", "renew_mode": "none"}},
		attempt{http.MethodGet, "creds/lone", fields{"ttl": "10m", "renew_mode": "none"}},
		attempt{http.MethodGet, "credentials/" + c.CredentialID, nil},
		attempt{http.MethodPost, "credentials/" + c.CredentialID + "/revoke", nil},
	)
	reader.mayNot(tokenReads()...)
	reader.mayNot(configUse()...)
	reader.mayNot(roleUse()...)

	// With update, the same holds of a body.
	poster := p.withPolicy(strings.ReplaceAll(p.policy("reader"), `["read"]`, `["update"]`))
	poster.may(attempt{http.MethodPost, "creds/ci", fields{"ttl": "5m", "renew_mode": "none"}})
	poster.mayNot(attempt{http.MethodPost, "creds/ci", fields{"ttl": "9h", "renew_mode": "none"}}, attempt{http.MethodPost, "creds/ci", fields{"ttl": "5m"}})

	// A ttl alone bounds the first lease only.
	c = p.read("ci", "ttl", "5m")
	assert.Greater(t, p.renew(c, 7200).LeaseDuration, 7000)
}

func (p *policyPage) testRoleManager(t *testing.T) {
	manager := p.withPolicy(p.policy("role-manager"))
	role := p.roleFields(personal)
	manager.may(
		attempt{"LIST", "roles", nil}, attempt{http.MethodPost, "roles/made", role}, attempt{http.MethodGet, "roles/made", nil},
		attempt{http.MethodPost, "roles/made", fields{"ttl": "5m"}}, attempt{http.MethodPatch, "roles/made", fields{"ttl": "6m"}},
		attempt{http.MethodGet, "status/made", nil}, attempt{http.MethodDelete, "roles/made", nil},
	)
	for _, field := range []fields{{"user_id": "1"}, {"allow_administrators": true}} {
		manager.mayNot(
			attempt{http.MethodPost, "roles/new", merge(role, field)}, attempt{http.MethodPost, "roles/ci", field}, attempt{http.MethodPatch, "roles/ci", field},
		)
	}
	manager.mayNot(attempt{http.MethodPost, "rotate-role/ci", nil})
	manager.mayNot(attempt{http.MethodGet, "status/ci", fields{"unmanaged": "true"}}, attempt{http.MethodPost, "creds/made", fields{}}, attempt{http.MethodGet, "creds/made", nil})
	manager.mayNot(tokenReads()...)
	manager.mayNot(configUse()...)
	manager.mayNot(sessionUse()...)
	assert.Nil(t, p.get("roles/made"))
}

// credentialEnds are the requests that end credentials on demand.
func credentialEnds(id string) []attempt {
	return []attempt{
		{http.MethodPost, "credentials/" + id + "/revoke", nil}, {http.MethodPost, "credentials/revoke", fields{"role": "ci"}},
		{http.MethodPost, "credentials/revoke", fields{"all": true, "dry_run": true}}, {http.MethodPost, "tidy", nil},
	}
}

func (p *policyPage) testAuditor(t *testing.T) {
	auditor := p.withPolicy(p.policy("auditor"))
	c, refreshed := p.read("ci"), p.read("lone")
	auditor.may(attempt{"LIST", "credentials", nil}, attempt{http.MethodGet, "credentials/" + c.CredentialID, nil})
	page, err := auditor.client.Logical().ReadWithData(p.at("credentials"), map[string][]string{"list": {"true"}, "role": {"ci"}})
	require.NoError(t, err)
	assert.Contains(t, page.Data["keys"], c.CredentialID)
	assert.NotContains(t, page.Data["keys"], refreshed.CredentialID, "it is another role's")
	assert.Empty(t, page.Warnings)
	assert.NotContains(t, fmt.Sprint(page.Data), c.Token)
	auditor.mayNot(credentialEnds(c.CredentialID)...)
	auditor.mayNot(attempt{http.MethodPut, "sys/leases/renew", fields{"lease_id": refreshed.LeaseID}}, attempt{http.MethodPut, "sys/leases/revoke", fields{"lease_id": c.LeaseID}})
	auditor.mayNot(tokenReads()...)
	auditor.mayNot(configUse()...)
	auditor.mayNot(roleUse()...)
	auditor.mayNot(sessionUse()...)
	assert.True(t, p.accepts(c.Token))
	p.revoke(c)
	p.revoke(refreshed)
}

func (p *policyPage) testResponder(t *testing.T) {
	responder := p.withPolicy(p.policy("responder"))
	c := p.read("ci")
	responder.may(attempt{"LIST", "credentials", nil}, attempt{http.MethodPost, "tidy", nil})
	record := responder.get("credentials/" + c.CredentialID)
	assert.Equal(t, "alice", record["username"])
	assert.NotContains(t, record, "access_token")

	// Who knows the id of a refresh lease is shown its token, but for those who are denied it.
	anybody := p.withPolicy(p.policy("operator"))
	refreshed := p.read("lone")
	renewed, err := anybody.client.Sys().Renew(refreshed.LeaseID, 60)
	require.NoError(t, err)
	assert.True(t, p.accepts(renewed.Data["access_token"].(string)), "what the page says of the default policy")
	p.revoke(refreshed)
	for _, path := range []string{"sys/leases/renew", "sys/renew", "sys/leases/renew/" + c.LeaseID, "sys/renew/" + c.LeaseID} {
		responder.mayNot(attempt{http.MethodPut, path, fields{"lease_id": c.LeaseID}})
	}

	require.True(t, p.accepts(c.Token))
	responder.mayNot(attempt{http.MethodPost, "credentials/" + c.CredentialID + "/revoke", fields{"force": true}})
	responder.may(attempt{http.MethodPost, "credentials/" + c.CredentialID + "/revoke", nil})
	assert.False(t, p.accepts(c.Token))
	for _, end := range []func(c credential) attempt{
		func(credential) attempt { return attempt{http.MethodPost, "credentials/revoke", fields{"role": "ci"}} },
		func(c credential) attempt {
			return attempt{http.MethodPut, "sys/leases/revoke", fields{"lease_id": c.LeaseID, "sync": true}}
		},
		func(c credential) attempt {
			return attempt{http.MethodPut, "sys/leases/revoke/" + c.LeaseID, fields{"sync": true}}
		},
		func(credential) attempt {
			return attempt{http.MethodPut, "sys/leases/revoke-prefix/processmaker/creds/ci", fields{"sync": true}}
		},
	} {
		c := p.read("ci")
		responder.may(end(c))
		assert.False(t, p.accepts(c.Token), end(c).path)
	}
	responder.mayNot(tokenReads()...)
	responder.mayNot(configUse()...)
	responder.mayNot(roleUse()...)
	responder.mayNot(sessionUse()...)
}

func (p *policyPage) testOperator(t *testing.T) {
	operator := p.withPolicy(p.policy("operator"))
	p.revoke(p.read("ci"))
	operator.may(
		attempt{http.MethodGet, "status", nil}, attempt{http.MethodGet, "status/ci", nil}, attempt{http.MethodGet, "status/ci", fields{"unmanaged": "true"}},
		attempt{"LIST", "roles", nil}, attempt{"LIST", "sessions", nil}, attempt{http.MethodGet, "sessions/ci", nil},
	)
	operator.mayNot(credentialEnds("0sh40jd4tpoi5dbcoke41r")...)
	operator.mayNot(attempt{"LIST", "credentials", nil})
	operator.mayNot(tokenReads()...)
	operator.mayNot(configUse()...)
	operator.mayNot(roleUse()...)
	operator.mayNot(sessionUse()...)
}

// Look-up, revocation and reading are three permissions.
func TestACLOfCredentials(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := m.read("ci")
	read := attempt{http.MethodGet, "creds/ci", nil}
	lookUp := attempt{http.MethodGet, "credentials/" + c.CredentialID, nil}
	revoke := attempt{http.MethodPost, "credentials/" + c.CredentialID + "/revoke", nil}
	patched := attempt{http.MethodPatch, "credentials/" + c.CredentialID, fields{}}

	reader := m.allowed("creds/*", "create", "read", "update", "patch", "delete", "list", "sudo")
	reader.may(read)
	reader.mayNot(lookUp, revoke, patched)

	investigator := m.allowed("credentials/+", "create", "read", "update", "patch", "delete", "list", "sudo")
	investigator.may(lookUp)
	investigator.mayNot(read, revoke)
	assert.True(t, m.accepts(c.Token))

	ender := m.allowed("credentials/+/revoke", "update")
	ender.mayNot(read, lookUp)
	assert.True(t, isForbidden(m.allowed("credentials/+/revoke", "create", "read", "patch", "delete").do(revoke)), "revocation is an update")
	ender.may(revoke)
	assert.False(t, m.accepts(c.Token))
	var answer *api.ResponseError
	require.ErrorAs(t, ender.do(revoke), &answer)
	assert.Equal(t, http.StatusNotFound, answer.StatusCode, "it is ended already")
}
