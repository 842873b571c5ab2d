package hostile

import (
	"context"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/problem"
)

func recordKey(id ledger.ID) string { return ledger.Prefix + string(id[:6]) + "/" + string(id[6:]) }

// newDamagedHarness has an overdue credential whose record cannot be read.
func newDamagedHarness(t *testing.T, mount mounttest.Maker, value string) (*mounttest.Mount, *mounttest.Lease) {
	t.Helper()
	h := mounttest.NewReady(t, mount, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	l := h.Issue(nil)
	h.Damage(recordKey(l.Id()), value)
	h.Clock.Advance(2 * time.Hour)
	h.Tick()
	require.True(t, h.Pm.Accepts(l.Token()))
	return h, l
}

// A record that cannot be read stays overdue until somebody says, knowing what
// that means, that it is to be forgotten.
func ADamagedRecordCanBeForgotten(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h, l := newDamagedHarness(t, mount, `{"version":1,"access_token":"`+mounttest.Canary+`"}`)
	revoke := "credentials/" + string(l.Id()) + "/revoke"
	way := "credentials/" + string(l.Id()) + "/revoke force=true"
	require.Contains(t, h.Log.String(), way, "the log names the way out")

	answer, err := h.Do(logical.ReadOperation, "status", nil)
	require.NoError(t, err)
	require.Equal(t, 1, answer.Data["overdue"])
	require.Contains(t, strings.Join(answer.Warnings, "\n"), way)
	for _, data := range []map[string]any{nil, {"all": true}, {"role": "ci"}} {
		path := "tidy"
		if data != nil {
			path = "credentials/revoke"
		}
		tidied := h.MustWrite(path, data)
		require.Equal(t, 1, tidied.Data["failed"])
		require.Contains(t, strings.Join(tidied.Warnings, "\n"), way)
	}
	for _, data := range []map[string]any{nil, {"force": false}} {
		_, err = h.Do(logical.UpdateOperation, revoke, data)
		require.ErrorContains(t, err, way)
	}
	require.Len(t, h.RecordIDs(), 1, "only on demand")

	resp := h.MustWrite(revoke, map[string]any{"force": true})
	warning := strings.Join(resp.Warnings, "\n")
	for _, told := range []string{"was not ended", "a year", string(l.Id()), "vault read processmaker/status/<role> unmanaged=true", "vault:5f0d43c3:<role>:" + string(l.Id()), "processmaker:revoke-oauth-access-tokens"} {
		require.Contains(t, warning, told)
	}
	require.Empty(t, h.RecordIDs())
	require.Equal(t, int64(1), h.Read("status")["unaccounted"])
	require.Equal(t, 0, h.Read("status")["overdue"])
	require.Contains(t, h.Log.String(), "a record was dropped whose token cannot be ended here")
	require.NotContains(t, warning+h.Log.String(), mounttest.Canary)
	answer, err = h.Do(logical.ReadOperation, "status", nil)
	require.NoError(t, err)
	require.Empty(t, answer.Warnings)
	answer, err = h.Do(logical.UpdateOperation, revoke, map[string]any{"force": true})
	require.Equal(t, 404, mounttest.Status(answer, err))
}

// Force ends what can be read, and drops nothing that a newer release can end.
func ForceForgetsNothingElse(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h, l := newDamagedHarness(t, mount, `{"version":99}`)
	revoke := "credentials/" + string(l.Id()) + "/revoke"
	_, err := h.Do(logical.UpdateOperation, revoke, map[string]any{"force": true})
	require.ErrorContains(t, err, "newer release")
	require.True(t, problem.IsConflict(h.Backend.Engine().Reaper.Drop(context.Background(), l.Id())))
	require.Len(t, h.RecordIDs(), 1)
	require.NotContains(t, h.Log.String(), "force=true")

	good := h.Issue(nil)
	h.GoDown()
	resp, err := h.Do(logical.UpdateOperation, "credentials/"+string(good.Id())+"/revoke", map[string]any{"force": true})
	require.Equal(t, 502, mounttest.Status(resp, err), mounttest.Message(resp, err))
	require.NotNil(t, h.Record(good.Id()))
	// One that was put right before it could be dropped.
	require.True(t, problem.IsConflict(h.Backend.Engine().Reaper.Drop(context.Background(), good.Id())))
	require.NotNil(t, h.Record(good.Id()))
	require.NoError(t, h.Pm.GoOnline())
	h.Clock.Advance(time.Minute)
	h.MustWrite("credentials/"+string(good.Id())+"/revoke", map[string]any{"force": true})
	require.False(t, h.Pm.Accepts(good.Token()))
	require.Equal(t, int64(0), h.Read("status")["unaccounted"])
}

// A record that was put right again is not complained of.
func ARestoredRecordIsNoTroubleAnyMore(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	l := h.Issue(nil)
	whole := h.Snapshot()[recordKey(l.Id())]
	h.Damage(recordKey(l.Id()), "{}")
	h.Clock.Advance(2 * time.Hour)
	h.Tick()
	h.Damage(recordKey(l.Id()), whole)
	h.GoDown()
	h.Tick()
	resp, err := h.Do(logical.ReadOperation, "status", nil)
	require.NoError(t, err)
	require.Equal(t, 1, resp.Data["overdue"])
	require.NotContains(t, strings.Join(resp.Warnings, "\n"), "force=true")
}

// Whoever drops the record of a shared credential has ended its token: nobody
// else may get it.
func ADroppedRecordIsNotSharedAnyMore(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewStatic(t, mount, nil)
	first := h.Read("static-creds/ci")
	id, err := ledger.ParseID(first["credential_id"].(string))
	require.NoError(t, err)
	h.Damage(recordKey(id), "{}")
	h.Pm.RevokeTokenByID(first["token_id"].(string))
	h.MustWrite("credentials/"+string(id)+"/revoke", map[string]any{"force": true})
	require.True(t, h.Pm.Accepts(h.Read("static-creds/ci")["access_token"].(string)))
}

// ADamagedRecordDoesNotKeepATokenAlive that the lease can end.
func ADamagedRecordDoesNotKeepATokenAlive(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h, l := newDamagedHarness(t, mount, `{"version":1}`)
	require.NoError(t, l.TryRevoke())
	require.False(t, h.Pm.Accepts(l.Token()))
	require.Empty(t, h.RecordIDs())
}

// ForceDropsARecordThatNobodyCanLookUp: the role whose session could is deleted. While a lease holds
// the token, that ends it, and nothing may take the record away from it.
func ForceDropsARecordThatNobodyCanLookUp(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	l := h.Issue(nil)
	force := map[string]any{"force": true}
	revoke := "credentials/" + string(l.Id()) + "/revoke"
	_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	for _, data := range []map[string]any{nil, force} {
		resp, err := h.Do(logical.UpdateOperation, revoke, data)
		require.NotEqual(t, 200, mounttest.Status(resp, err))
		require.Contains(t, mounttest.Message(resp, err), "still lives")
		require.Contains(t, mounttest.Message(resp, err), "revoke the lease")
		require.NotContains(t, mounttest.Message(resp, err), "force=true")
	}
	h.Clock.Advance(time.Minute)
	require.NoError(t, l.TryRevoke())
	require.False(t, h.Pm.Accepts(l.Token()))

	// A lease that Vault lost: past its deadline nothing else ends the token.
	h.MustWrite("roles/ci", h.RoleData(map[string]any{"credential_type": "personal_access_token"}))
	lost := h.Issue(nil)
	revoke = "credentials/" + string(lost.Id()) + "/revoke"
	_, err = h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	h.Clock.Advance(25 * time.Hour)
	resp, err := h.Do(logical.UpdateOperation, revoke, nil)
	require.NotEqual(t, 200, mounttest.Status(resp, err))
	require.Contains(t, mounttest.Message(resp, err), "force=true")
	resp = h.MustWrite(revoke, force)
	require.Contains(t, resp.Warnings[0], "was not ended")
	require.Empty(t, h.RecordIDs())
	require.EqualValues(t, 1, h.Read("status")["unaccounted"])
}

// ALeasesFormerTokenSaysNothing of the one that a refresh has put in its place: Vault went away
// before it had saved that, and the record is damaged.
func ALeasesFormerTokenSaysNothing(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	issued := l.Data
	h.Clock.Advance(30 * time.Minute)
	l.Renew()
	h.Damage(recordKey(l.Id()), `{"version":1}`)
	present := l.Token()
	l.Data = issued
	h.Clock.Advance(time.Minute)
	require.ErrorContains(t, l.TryRevoke(), "cannot be read")
	require.True(t, h.Pm.Accepts(present))
	require.Len(t, h.RecordIDs(), 1)
}
