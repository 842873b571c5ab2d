package mounttest

import (
	"context"
	"slices"

	"vault-plugin-secrets-processmaker/engine/credential"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// Stored are the ids and names of the tokens that storage knows.
func (h *Mount) Stored() map[string]bool {
	h.T.Helper()
	known := map[string]bool{}
	for _, id := range h.RecordIDs() {
		record := h.Record(id)
		known[record.TokenID], known[record.TokenName] = true, true
	}
	for _, prefix := range []string{session.Prefix, credential.Prefix} {
		keys, err := logical.CollectKeysWithPrefix(context.Background(), h.Storage.Storage, prefix)
		require.NoError(h.T, err)
		for _, key := range keys {
			entry, err := h.Storage.Storage.Get(context.Background(), key)
			require.NoError(h.T, err)
			var held struct {
				TokenID string `json:"token_id"`
			}
			require.NoError(h.T, entry.DecodeJSON(&held))
			known[held.TokenID] = true
		}
	}
	delete(known, "")
	return known
}

// Census gives the live tokens that nothing knows, but for the foreign ones.
func (h *Mount) Census(foreign ...string) (strays []processmakertest.Token) {
	h.T.Helper()
	known := h.Stored()
	for _, token := range h.Pm.LiveTokens() {
		if !known[token.ID] && !known[token.Name] && !slices.Contains(foreign, token.ID) {
			strays = append(strays, token)
		}
	}
	return strays
}
