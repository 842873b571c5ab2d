//go:build unix

package acceptance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// personal is what makes a role hand out personal access tokens.
var personal = fields{"credential_type": "personal_access_token"}

// newPersonalMount is newMount with a config and a role named ci that hands
// out personal access tokens.
func newPersonalMount(t *testing.T, options ...mountOption) *mount {
	t.Helper()
	m := newSessionMount(t, options...)
	m.writeRole("ci", personal)
	return m
}

// newSessionMount is newMount with a config. Sessions and shared credentials
// have no lease; like the leases they end with the mount.
func newSessionMount(t *testing.T, options ...mountOption) *mount {
	t.Helper()
	m := newMount(t, options...)
	m.writeConfig(nil)
	m.pm.ResetLog() // the check of the connection is not what tests count
	return m
}

// list gives the names below a path, none if there are none.
func (m *mount) list(path string) (names []string) {
	m.t.Helper()
	secret, err := m.client.Logical().List(m.at(path))
	require.NoError(m.t, err)
	if secret == nil {
		return nil
	}
	listed, _ := secret.Data["keys"].([]any)
	for _, name := range listed {
		names = append(names, name.(string))
	}
	return names
}

// livePersonalTokens are the tokens at ProcessMaker that bear this engine's
// kind of name.
func (m *mount) livePersonalTokens() (tokens []processmakertest.Token) {
	for _, token := range m.pm.LiveTokens() {
		if strings.HasPrefix(token.Name, "vault:") {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// statuses counts the answers of ProcessMaker to one kind of request.
func (m *mount) statuses(endpoint processmakertest.Endpoint) map[int]int {
	counts := map[int]int{}
	for _, exchange := range m.pm.Exchanges() {
		if exchange.Endpoint == endpoint {
			counts[exchange.Status]++
		}
	}
	return counts
}
