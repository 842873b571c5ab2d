//go:build unix

package acceptance

import (
	"crypto/rand"
	"strings"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// person returns the mount as seen by somebody with a name, an entity with this
// metadata and this policy only.
func (m *mount) person(name, rules string, metadata map[string]string) *mount {
	m.t.Helper()
	if _, err := m.client.Logical().Read("sys/auth/" + m.path); err != nil {
		require.NoError(m.t, m.client.Sys().EnableAuthWithOptions(m.path, &api.EnableAuthOptions{Type: "userpass"}))
		auth := m.path
		m.t.Cleanup(func() { assert.NoError(m.t, m.client.Sys().DisableAuth(auth)) })
	}
	policy := m.path + "-" + name
	require.NoError(m.t, m.client.Sys().PutPolicy(policy, rules))
	m.t.Cleanup(func() { assert.NoError(m.t, m.client.Sys().DeletePolicy(policy)) })
	m.sysWrite("auth/"+m.path+"/users/"+name, fields{"password": policy, "token_policies": policy, "token_no_default_policy": true})
	auth, err := m.client.Logical().Read("sys/auth/" + m.path)
	require.NoError(m.t, err)
	entity := m.sysWrite("identity/entity", fields{"name": policy, "metadata": metadata})
	m.sysWrite("identity/entity-alias", fields{
		"name": name, "canonical_id": entity.Data["id"], "mount_accessor": auth.Data["accessor"],
	})
	return m.personAgain(name)
}

// personAgain is a person from before with another Vault token.
func (m *mount) personAgain(name string) *mount {
	m.t.Helper()
	caller := *m
	caller.client = m.anonymous()
	secret := caller.sysWrite("auth/"+m.path+"/login/"+name, fields{"password": m.path + "-" + name})
	require.NotEmpty(m.t, secret.Auth.EntityID)
	caller.client.SetToken(secret.Auth.ClientToken)
	return &caller
}

// anonymous is a client that nobody has signed in with.
func (m *mount) anonymous() *api.Client {
	m.t.Helper()
	client, err := m.client.CloneWithHeaders()
	require.NoError(m.t, err)
	client.ClearToken()
	return client
}

// orphan is a caller without an entity, with this policy only.
func (m *mount) orphan(rules string) *mount {
	m.t.Helper()
	name := m.path + "-" + strings.ToLower(rand.Text()[:6])
	require.NoError(m.t, m.client.Sys().PutPolicy(name, rules))
	m.t.Cleanup(func() { assert.NoError(m.t, m.client.Sys().DeletePolicy(name)) })
	secret, err := m.client.Auth().Token().CreateOrphan(&api.TokenCreateRequest{Policies: []string{name}, TTL: "1h"})
	require.NoError(m.t, err)
	caller := *m
	caller.client = m.anonymous()
	caller.client.SetToken(secret.Auth.ClientToken)
	return &caller
}

// sysWrite writes outside the mount.
func (m *mount) sysWrite(path string, body fields) *api.Secret {
	m.t.Helper()
	secret, err := m.client.Logical().Write(path, body)
	require.NoError(m.t, err)
	return secret
}
