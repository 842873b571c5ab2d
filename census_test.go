package main

import (
	"context"
	"slices"

	"vault-plugin-secrets-processmaker/engine/credential"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// stored are the ids and names of the tokens that storage knows.
func (h *harness) stored() map[string]bool {
	h.t.Helper()
	known := map[string]bool{}
	for _, id := range h.recordIDs() {
		record := h.record(id)
		known[record.TokenID], known[record.TokenName] = true, true
	}
	for _, prefix := range []string{session.Prefix, credential.Prefix} {
		keys, err := logical.CollectKeysWithPrefix(context.Background(), h.storage.Storage, prefix)
		require.NoError(h.t, err)
		for _, key := range keys {
			entry, err := h.storage.Storage.Get(context.Background(), key)
			require.NoError(h.t, err)
			var held struct {
				TokenID string `json:"token_id"`
			}
			require.NoError(h.t, entry.DecodeJSON(&held))
			known[held.TokenID] = true
		}
	}
	delete(known, "")
	return known
}

// census gives the live tokens that nothing knows, but for the foreign ones.
func (h *harness) census(foreign ...string) (strays []processmakertest.Token) {
	h.t.Helper()
	known := h.stored()
	for _, token := range h.pm.LiveTokens() {
		if !known[token.ID] && !known[token.Name] && !slices.Contains(foreign, token.ID) {
			strays = append(strays, token)
		}
	}
	return strays
}
