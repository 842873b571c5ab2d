//go:build unix

package acceptance

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// books are what a mount knows of the tokens at ProcessMaker, as they stand in
// Vault's storage.
type books struct {
	ids, names map[string]string // to where it stands
}

// storedBooks reads the storage of a mount below the plugin.
func (m *mount) storedBooks() books {
	m.t.Helper()
	mounted, err := m.client.Logical().Read("sys/mounts/" + m.path)
	require.NoError(m.t, err)
	root := fmt.Sprintf("sys/raw/logical/%s/", mounted.Data["uuid"])
	b := books{ids: map[string]string{}, names: map[string]string{}}
	for _, folder := range []string{"session/", "ledger/", "static/"} {
		m.walkRaw(root+folder, func(key string, value []byte) {
			var entry struct {
				TokenID   string `json:"token_id"`
				TokenName string `json:"token_name"`
			}
			require.NoError(m.t, json.Unmarshal(value, &entry), key)
			b.ids[entry.TokenID] = strings.TrimPrefix(key, root)
			b.names[entry.TokenName] = strings.TrimPrefix(key, root)
		})
	}
	delete(b.ids, "")
	delete(b.names, "")
	return b
}

func (m *mount) walkRaw(folder string, visit func(key string, value []byte)) {
	m.t.Helper()
	listed, err := m.client.Logical().List(folder)
	require.NoError(m.t, err)
	if listed == nil {
		return
	}
	for _, name := range listed.Data["keys"].([]any) {
		key := folder + name.(string)
		if strings.HasSuffix(key, "/") {
			m.walkRaw(key, visit)
			continue
		}
		entry, err := m.client.Logical().Read(key)
		require.NoError(m.t, err)
		if entry != nil { // it may have gone meanwhile
			visit(key, []byte(entry.Data["value"].(string)))
		}
	}
}

// unaccounted gives the live tokens that neither a record nor a session nor a
// shared credential knows, but for those whose answer nobody ever read.
func (m *mount) unaccounted() (tokens []processmakertest.Token) {
	m.t.Helper()
	known := m.storedBooks()
	unread := map[string]bool{}
	for _, token := range m.pm.UnreadTokens() {
		unread[token.ID] = true
	}
	for _, token := range m.pm.LiveTokens() {
		if known.ids[token.ID] == "" && known.names[token.Name] == "" && !unread[token.ID] {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// sessionToken is the id of the token that a role's stored session holds.
func (m *mount) sessionToken(role string) string {
	m.t.Helper()
	for id, key := range m.storedBooks().ids {
		if key == "session/"+role {
			return id
		}
	}
	m.t.Fatalf("role %s has no session", role)
	return ""
}
