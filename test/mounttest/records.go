package mounttest

import (
	"context"
	"net/http"
	"strings"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

func (h *Mount) Record(id ledger.ID) *ledger.Record {
	h.T.Helper()
	record, err := h.Reader().Ledger.Get(context.Background(), id)
	require.NoError(h.T, err)
	return record
}

// LiveIDs are the ids of the tokens that ProcessMaker accepts.
func (h *Mount) LiveIDs() []string {
	ids := []string{}
	for _, token := range h.Pm.LiveTokens() {
		ids = append(ids, token.ID)
	}
	return ids
}

// RecordIDs are the ids of the credentials that the ledger knows.
func (h *Mount) RecordIDs() []ledger.ID {
	h.T.Helper()
	keys, err := logical.CollectKeysWithPrefix(context.Background(), h.Storage.Storage, ledger.Prefix)
	require.NoError(h.T, err)
	ids := []ledger.ID{}
	for _, key := range keys {
		ids = append(ids, ledger.ID(strings.ReplaceAll(strings.TrimPrefix(key, ledger.Prefix), "/", "")))
	}
	return ids
}

// RecordedIDs are the ids of the tokens that the ledger knows.
func (h *Mount) RecordedIDs() []string {
	h.T.Helper()
	ids := []string{}
	for _, id := range h.RecordIDs() {
		ids = append(ids, h.Record(id).TokenID)
	}
	return ids
}

func PathEnds(suffix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, suffix) }
}

// Cost compares what do costs: gets, puts, deletes and lists of storage, and
// exchanges with ProcessMaker.
func (h *Mount) Cost(what string, storage [4]int64, exchanges int, do func()) {
	h.T.Helper()
	h.Storage.Reset()
	h.Pm.ResetLog()
	do()
	require.Equal(h.T, storage, h.Storage.Counts(), "%s: gets, puts, deletes, lists", what)
	require.Equal(h.T, exchanges, h.Pm.Count(), "%s: exchanges", what)
}
