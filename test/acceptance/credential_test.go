//go:build unix

package acceptance

import (
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"
)

// credential is an answer that hands out a token.
type credential struct {
	*api.Secret
	Token        string
	TokenID      string
	CredentialID string
}

func asCredential(t *testing.T, secret *api.Secret) credential {
	t.Helper()
	require.NotNil(t, secret)
	text := func(field string) string {
		value, ok := secret.Data[field].(string)
		require.Truef(t, ok && value != "", "field %s of %v", field, keys(secret.Data))
		return value
	}
	require.NotEmpty(t, secret.LeaseID)
	return credential{
		Secret: secret, Token: text("access_token"), TokenID: text("token_id"), CredentialID: text("credential_id"),
	}
}

// read gets a credential. The query is a list of names and values.
func (m *mount) read(role string, query ...string) credential {
	m.t.Helper()
	secret, err := m.tryRead(role, query...)
	require.NoError(m.t, err)
	return asCredential(m.t, secret)
}

func (m *mount) tryRead(role string, query ...string) (*api.Secret, error) {
	return m.client.Logical().ReadWithData(m.at("creds/"+role), asQuery(query))
}

// renew renews a lease, asking for so many seconds; 0 leaves it to the role. Only refresh answers
// with a token: with another mode the reader goes on with his own.
func (m *mount) renew(c credential, increment int) credential {
	m.t.Helper()
	secret, err := m.client.Sys().Renew(c.LeaseID, increment)
	require.NoError(m.t, err)
	if c.Data["renew_mode"] != "refresh" {
		require.Empty(m.t, secret.Data)
		secret.Data = c.Data
	}
	return asCredential(m.t, secret)
}

func (m *mount) revoke(c credential) {
	m.t.Helper()
	require.NoError(m.t, m.tryRevoke(c))
}

// tryRevoke revokes and waits for the outcome.
func (m *mount) tryRevoke(c credential) error {
	return m.client.Sys().RevokeWithOptions(&api.RevokeOptions{LeaseID: c.LeaseID, Sync: true})
}

// accepts asks ProcessMaker itself, not its books, whether a token is good.
func (m *mount) accepts(token string) bool { return m.pm.Accepts(token) }

func asQuery(pairs []string) map[string][]string {
	query := map[string][]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		query[pairs[i]] = append(query[pairs[i]], pairs[i+1])
	}
	return query
}

// keys names the fields of an answer without showing their values.
func keys(data fields) []string {
	var names []string
	for name := range data {
		names = append(names, name)
	}
	return names
}
