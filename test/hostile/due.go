package hostile

import (
	"context"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/credential"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// handedOver is a lease whose credential the ledger knows under another id.
func handedOver(h *mounttest.Mount) (l *mounttest.Lease, due ledger.ID) {
	h.T.Helper()
	l = h.Issue(nil)
	h.GoDown()
	for range 3 {
		_ = l.TryRevoke()
		h.Clock.Advance(credential.DeferAfter)
	}
	require.NoError(h.T, h.Pm.GoOnline())
	for _, id := range h.RecordIDs() {
		if h.Record(id).FormerID == l.Id() {
			return l, id
		}
	}
	h.T.Fatal("it was not handed over")
	return nil, ""
}

// Nobody is told that a credential was ended while what cannot be read may be it.
func ALookUpSaysWhatItCouldNotRead(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l, due := handedOver(h)
	h.Damage(recordKey(due), "{}")
	for path, operation := range map[string]logical.Operation{"credentials/" + string(l.Id()): logical.ReadOperation, "credentials/" + string(l.Id()) + "/revoke": logical.UpdateOperation} {
		_, err := h.Do(operation, path, map[string]any{})
		require.ErrorContains(t, err, "there is no credential "+string(l.Id()), path)
		require.ErrorContains(t, err, "credentials/"+string(due)+"/revoke force=true", path)
	}
	_, err := h.Do(logical.UpdateOperation, "credentials/"+string(l.Id())+"/revoke", map[string]any{"force": true})
	require.ErrorContains(t, err, "there is no credential")
	require.Equal(t, []ledger.ID{due}, h.RecordIDs(), "force is for the one that is named")

	h.MustWrite("credentials/"+string(due)+"/revoke", map[string]any{"force": true})
	resp, err := h.Do(logical.UpdateOperation, "credentials/"+string(l.Id())+"/revoke", nil)
	require.Equal(t, 404, mounttest.Status(resp, err))
}

// A look-up that storage fails does not say that there is nothing.
func ALookUpSaysThatStorageFailed(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l, due := handedOver(h)
	h.Storage.FailGets(func(key string) bool { return key == recordKey(due) })
	_, err := h.Do(logical.ReadOperation, "credentials/"+string(l.Id()), nil)
	require.ErrorIs(t, err, mounttest.ErrDiskFull)
	h.Storage.FailGets(nil)
	require.Equal(t, "due", h.Read("credentials/" + string(l.Id()))["state"])
}

// A token of ours that only its damaged record knows is to be ended by hand, so it
// is listed, and the list says why.
func ForeignTokensOfDamagedRecords(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, record := range map[string]func(h *mounttest.Mount) (*mounttest.Lease, ledger.ID){
		"live": func(h *mounttest.Mount) (*mounttest.Lease, ledger.ID) { l := h.Issue(nil); return l, l.Id() },
		"due":  handedOver,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewPersonal(t, mount, nil)
			l, id := record(h)
			foreign := func() (*logical.Response, int) {
				resp, err := h.Request(context.Background(), logical.ReadOperation, "status/ci", map[string]any{"unmanaged": true})
				require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
				return resp, len(resp.Data["unmanaged_tokens"].([]map[string]any))
			}
			resp, count := foreign()
			require.Zero(t, count)
			require.Empty(t, resp.Warnings)
			h.Damage(recordKey(id), `{"version":1}`)
			resp, count = foreign()
			require.Equal(t, 1, count)
			require.Equal(t, l.Data["token_id"], resp.Data["unmanaged_tokens"].([]map[string]any)[0]["id"])
			require.Contains(t, strings.Join(resp.Warnings, "\n"), "credentials/"+string(id)+"/revoke force=true")
		})
	}
}

// What was ended is not found, whatever else cannot be read.
func ADamagedRecordHidesNoAnswer(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l, damaged := h.Issue(nil), h.Issue(nil)
	require.NoError(t, l.TryRevoke())
	h.Damage(recordKey(damaged.Id()), "{}")
	h.Clock.Advance(48 * time.Hour)
	for operation, path := range map[logical.Operation]string{
		logical.ReadOperation:   "credentials/" + string(l.Id()),
		logical.UpdateOperation: "credentials/" + string(l.Id()) + "/revoke",
	} {
		resp, err := h.Do(operation, path, nil)
		require.Equal(t, 404, mounttest.Status(resp, err), mounttest.Message(resp, err))
		require.Contains(t, mounttest.Message(resp, err), "it was ended, the id is mistyped, or its record is the one that cannot be read")
	}
}
