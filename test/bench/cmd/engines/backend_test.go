//go:build unix

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// The comparison is only fair while the reference engine does its one POST,
// its one write of the full size, and nothing is left undone at the end.
func TestTheReferenceEngineDoesWhatItIsMeasuredFor(t *testing.T) {
	t.Parallel()
	pm, err := processmakertest.StartCanned(processmakertest.Config{TLS: true})
	require.NoError(t, err)
	t.Cleanup(pm.Close)
	text, err := json.Marshal(settings{
		URL: pm.URL() + "/oauth/token", CACert: pm.CACertPEM(), Form: "grant_type=password", RecordBytes: 3000,
		Answer: map[string]any{"role": "ci", "access_token": "", "credential_id": ""}, Internal: map[string]any{"role": "ci"},
	})
	require.NoError(t, err)
	storage := &logical.InmemStorage{}
	b, err := Factory(t.Context(), &logical.BackendConfig{StorageView: storage, System: &logical.StaticSystemView{}})
	require.NoError(t, err)
	do := func(operation logical.Operation, path string, data map[string]any) *logical.Response {
		resp, err := b.HandleRequest(t.Context(), &logical.Request{Operation: operation, Path: path, Data: data, Storage: storage})
		require.NoError(t, err)
		return resp
	}
	do(logical.UpdateOperation, "settings", map[string]any{"json": string(text)})

	tokens := map[any]bool{}
	var last *logical.Response
	for range 3 {
		last = do(logical.ReadOperation, "reference/ci", nil)
		tokens[last.Data["access_token"]] = true
		require.NotNil(t, last.Secret)
	}
	require.Len(t, tokens, 3)
	require.Equal(t, int64(3), pm.Counts().TokenCalls)
	require.Equal(t, int64(1), pm.Counts().Connections, "its connection is pooled")
	keys, err := logical.CollectKeys(t.Context(), storage)
	require.NoError(t, err)
	require.Len(t, keys, 4)
	key := last.Secret.InternalData["key"].(string)
	require.True(t, strings.HasPrefix(key, "ledger/"))
	entry, err := storage.Get(t.Context(), key)
	require.NoError(t, err)
	require.Len(t, entry.Value, 3000)

	renew := logical.RenewRequest("reference/ci", last.Secret, last.Data)
	renewed, err := b.HandleRequest(t.Context(), renew)
	require.NoError(t, err)
	require.Equal(t, leaseTTL, renewed.Secret.TTL)
	revoke := logical.RevokeRequest("reference/ci", last.Secret, last.Data)
	revoke.Storage = storage
	_, err = b.HandleRequest(t.Context(), revoke)
	require.NoError(t, err)
	entry, err = storage.Get(t.Context(), key)
	require.NoError(t, err)
	require.Nil(t, entry)

	require.NotNil(t, do(logical.ReadOperation, "leased/ci", nil).Secret)
	require.Nil(t, do(logical.ReadOperation, "plain/ci", nil).Secret)
	require.Equal(t, int64(3), pm.Counts().TokenCalls)
}
