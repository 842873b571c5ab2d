package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/credential"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// handedOver is a lease whose credential the ledger knows under another id.
func handedOver(h *harness) (l *heldLease, due ledger.ID) {
	h.t.Helper()
	l = h.issue(nil)
	h.goDown()
	for range 3 {
		_ = l.tryRevoke()
		h.clock.Advance(credential.DeferAfter)
	}
	require.NoError(h.t, h.pm.GoOnline())
	for _, id := range h.recordIDs() {
		if h.record(id).FormerID == l.id() {
			return l, id
		}
	}
	h.t.Fatal("it was not handed over")
	return nil, ""
}

// Nobody is told that a credential was ended while what cannot be read may be it.
func TestALookUpSaysWhatItCouldNotRead(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l, due := handedOver(h)
	h.damage(recordKey(due), "{}")
	for path, operation := range map[string]logical.Operation{"credentials/" + string(l.id()): logical.ReadOperation, "credentials/" + string(l.id()) + "/revoke": logical.UpdateOperation} {
		_, err := h.do(operation, path, map[string]any{})
		require.ErrorContains(t, err, "credential "+string(l.id())+" was not found", path)
		require.ErrorContains(t, err, "credentials/"+string(due)+"/revoke force=true", path)
	}
	_, err := h.do(logical.UpdateOperation, "credentials/"+string(l.id())+"/revoke", map[string]any{"force": true})
	require.ErrorContains(t, err, "was not found")
	require.Equal(t, []ledger.ID{due}, h.recordIDs(), "force is for the one that is named")

	h.mustWrite("credentials/"+string(due)+"/revoke", map[string]any{"force": true})
	resp, err := h.do(logical.UpdateOperation, "credentials/"+string(l.id())+"/revoke", nil)
	require.Equal(t, 404, status(resp, err))
}

// A look-up that storage fails does not say that there is nothing.
func TestALookUpSaysThatStorageFailed(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l, due := handedOver(h)
	h.storage.failGets(func(key string) bool { return key == recordKey(due) })
	_, err := h.do(logical.ReadOperation, "credentials/"+string(l.id()), nil)
	require.ErrorIs(t, err, errDiskFull)
	h.storage.failGets(nil)
	require.Equal(t, "due", h.read("credentials/" + string(l.id()))["state"])
}

// A token of ours that only its damaged record knows is to be ended by hand, so it
// is listed, and the list says why.
func TestForeignTokensOfDamagedRecords(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]func(h *harness) (*heldLease, ledger.ID){
		"live": func(h *harness) (*heldLease, ledger.ID) { l := h.issue(nil); return l, l.id() },
		"due":  handedOver,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			l, id := record(h)
			foreign := func() (*logical.Response, int) {
				resp, err := h.request(context.Background(), logical.ReadOperation, "status/ci", map[string]any{"foreign": true})
				require.Equal(t, 200, status(resp, err), message(resp, err))
				return resp, len(resp.Data["foreign_tokens"].([]map[string]any))
			}
			resp, count := foreign()
			require.Zero(t, count)
			require.Empty(t, resp.Warnings)
			h.damage(recordKey(id), `{"version":1}`)
			resp, count = foreign()
			require.Equal(t, 1, count)
			require.Equal(t, l.data["token_id"], resp.Data["foreign_tokens"].([]map[string]any)[0]["id"])
			require.Contains(t, strings.Join(resp.Warnings, "\n"), "credentials/"+string(id)+"/revoke force=true")
		})
	}
}

// What was ended is not found, whatever else cannot be read.
func TestADamagedRecordHidesNoAnswer(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l, damaged := h.issue(nil), h.issue(nil)
	require.NoError(t, l.tryRevoke())
	h.damage(recordKey(damaged.id()), "{}")
	h.clock.Advance(48 * time.Hour)
	for operation, path := range map[logical.Operation]string{
		logical.ReadOperation:   "credentials/" + string(l.id()),
		logical.UpdateOperation: "credentials/" + string(l.id()) + "/revoke",
	} {
		resp, err := h.do(operation, path, nil)
		require.Equal(t, 404, status(resp, err), message(resp, err))
		require.Contains(t, message(resp, err), "it was ended already, the id is mistyped, or it is what cannot be read")
	}
}
