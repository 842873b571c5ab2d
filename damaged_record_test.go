package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/problem"
)

func recordKey(id ledger.ID) string { return ledger.Prefix + string(id[:6]) + "/" + string(id[6:]) }

// newDamagedHarness has an overdue credential whose record cannot be read.
func newDamagedHarness(t *testing.T, value string) (*harness, *heldLease) {
	t.Helper()
	h := newReadyHarness(t, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	l := h.issue(nil)
	h.damage(recordKey(l.id()), value)
	h.clock.Advance(2 * time.Hour)
	h.tick()
	require.True(t, h.pm.Accepts(l.token()))
	return h, l
}

// A record that cannot be read stays overdue until somebody says, knowing what
// that means, that it is to be forgotten.
func TestADamagedRecordCanBeForgotten(t *testing.T) {
	t.Parallel()
	h, l := newDamagedHarness(t, `{"version":1,"access_token":"`+canary+`"}`)
	revoke := "credentials/" + string(l.id()) + "/revoke"
	way := "credentials/" + string(l.id()) + "/revoke force=true"
	require.Contains(t, h.log.String(), way, "the log names the way out")

	answer, err := h.do(logical.ReadOperation, "status", nil)
	require.NoError(t, err)
	require.Equal(t, 1, answer.Data["overdue"])
	require.Contains(t, strings.Join(answer.Warnings, "\n"), way)
	for _, data := range []map[string]any{nil, {"all": true}, {"role": "ci"}} {
		tidied := h.mustWrite("tidy", data)
		require.Equal(t, 1, tidied.Data["failed"])
		require.Contains(t, strings.Join(tidied.Warnings, "\n"), way)
	}
	for _, data := range []map[string]any{nil, {"force": false}} {
		_, err = h.do(logical.UpdateOperation, revoke, data)
		require.ErrorContains(t, err, way)
	}
	require.Len(t, h.recordIDs(), 1, "only on demand")

	resp := h.mustWrite(revoke, map[string]any{"force": true})
	warning := strings.Join(resp.Warnings, "\n")
	for _, told := range []string{"was not ended", "a year", string(l.id()), "status/<role> foreign=true", "vault:5f0d43c3:<role>:" + string(l.id()), "processmaker:revoke-oauth-access-tokens"} {
		require.Contains(t, warning, told)
	}
	require.Empty(t, h.recordIDs())
	require.Equal(t, int64(1), h.read("status")["unaccounted"])
	require.Equal(t, 0, h.read("status")["overdue"])
	require.Contains(t, h.log.String(), "a record that cannot be read was dropped")
	require.NotContains(t, warning+h.log.String(), canary)
	answer, err = h.do(logical.ReadOperation, "status", nil)
	require.NoError(t, err)
	require.Empty(t, answer.Warnings)
	answer, err = h.do(logical.UpdateOperation, revoke, map[string]any{"force": true})
	require.Equal(t, 404, status(answer, err))
}

// Force ends what can be read, and drops nothing that a newer release can end.
func TestForceForgetsNothingElse(t *testing.T) {
	t.Parallel()
	h, l := newDamagedHarness(t, `{"version":99}`)
	revoke := "credentials/" + string(l.id()) + "/revoke"
	_, err := h.do(logical.UpdateOperation, revoke, map[string]any{"force": true})
	require.ErrorContains(t, err, "newer release")
	require.True(t, problem.IsConflict(h.backend.Engine().Reaper.DropUnreadable(context.Background(), l.id())))
	require.Len(t, h.recordIDs(), 1)
	require.NotContains(t, h.log.String(), "force=true")

	good := h.issue(nil)
	h.goDown()
	resp, err := h.do(logical.UpdateOperation, "credentials/"+string(good.id())+"/revoke", map[string]any{"force": true})
	require.Equal(t, 502, status(resp, err), message(resp, err))
	require.NotNil(t, h.record(good.id()))
	// One that was put right before it could be dropped.
	require.True(t, problem.IsConflict(h.backend.Engine().Reaper.DropUnreadable(context.Background(), good.id())))
	require.NotNil(t, h.record(good.id()))
	require.NoError(t, h.pm.GoOnline())
	h.clock.Advance(time.Minute)
	h.mustWrite("credentials/"+string(good.id())+"/revoke", map[string]any{"force": true})
	require.False(t, h.pm.Accepts(good.token()))
	require.Equal(t, int64(0), h.read("status")["unaccounted"])
}

// A record that was put right again is not complained of.
func TestARestoredRecordIsNoTroubleAnyMore(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	l := h.issue(nil)
	whole := h.snapshot()[recordKey(l.id())]
	h.damage(recordKey(l.id()), "{}")
	h.clock.Advance(2 * time.Hour)
	h.tick()
	h.damage(recordKey(l.id()), whole)
	h.goDown()
	h.tick()
	resp, err := h.do(logical.ReadOperation, "status", nil)
	require.NoError(t, err)
	require.Equal(t, 1, resp.Data["overdue"])
	require.NotContains(t, strings.Join(resp.Warnings, "\n"), "force=true")
}

// Whoever drops the record of a shared credential has ended its token: nobody
// else may get it.
func TestADroppedRecordIsNotSharedAnyMore(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	first := h.read("static-creds/ci")
	id, err := ledger.ParseID(first["credential_id"].(string))
	require.NoError(t, err)
	h.damage(recordKey(id), "{}")
	h.pm.RevokeTokenByID(first["token_id"].(string))
	h.mustWrite("credentials/"+string(id)+"/revoke", map[string]any{"force": true})
	require.True(t, h.pm.Accepts(h.read("static-creds/ci")["access_token"].(string)))
}
