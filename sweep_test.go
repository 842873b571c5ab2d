package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/leasing"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// tick is one call of the periodic function and the work that it wakes.
func (h *harness) tick() {
	h.t.Helper()
	require.NoError(h.t, h.backend.periodic(context.Background(), &logical.Request{Storage: h.storage}))
	require.NoError(h.t, h.backend.inflight.Wait(context.Background()))
}

func TestWhatALostLeaseLeavesIsEndedAtItsDeadline(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.tick()
	lost := h.issue(nil)
	kept := h.issue(nil)
	h.clock.Advance(12 * time.Hour)
	kept.renew()
	h.tick()
	require.Len(t, h.liveIDs(), 2, "nothing ends before its deadline")

	h.clock.Advance(12*time.Hour + leasing.DeadlineSlack - time.Second)
	h.tick()
	require.True(t, h.pm.Accepts(lost.token()))
	h.clock.Advance(time.Second)
	h.tick()
	require.Empty(t, h.liveIDs())
	require.Empty(t, h.recordIDs())
	require.NoError(t, lost.tryRevoke(), "Vault's own revocation finds nothing left to do")
}

func TestTokensPutDownAsDueAreEndedAtTheNextTick(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.tick()
	h.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.HTMLPage(500)})
	h.mustWrite("roles/ci", map[string]any{"verify": true})
	require.Len(t, h.liveIDs(), 1)
	h.tick()
	require.Empty(t, h.liveIDs())
	require.Empty(t, h.recordIDs())
}

func TestAnOutageAtTheDeadlineHealsByItself(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.tick()
	for range 20 {
		h.issue(nil)
		h.clock.Advance(20 * time.Minute)
	}
	h.goDown()
	// Longer than any minute stays unsettled, so that leftovers are carried.
	for range 60 {
		h.clock.Advance(time.Hour)
		h.tick()
	}
	require.Len(t, h.recordIDs(), 20)
	require.NoError(t, h.pm.GoOnline())
	h.clock.Advance(time.Minute)
	h.tick()
	require.Empty(t, h.liveIDs())
	require.Empty(t, h.recordIDs())
	require.Empty(t, h.backend.sweeper.cursor.Left)
}

func TestTheFirstTickAfterAnOutageEndsAllThatIsDue(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.tick()
	h.issueMany(50)
	h.clock.Advance(25 * time.Hour)
	h.goDown()
	h.tick()
	require.Len(t, h.recordIDs(), 50)
	require.NoError(t, h.pm.GoOnline())
	h.clock.Advance(time.Minute)
	h.tick()
	require.Empty(t, h.recordIDs())
	require.Empty(t, h.liveIDs())
}

func TestOneStubbornCredentialHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.tick()
	stubborn := h.issue(nil)
	h.issue(nil)
	remove := h.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Answer(403, jsonHeader(), `{}`), Match: pathEnds(stubborn.data["token_id"].(string))})
	h.clock.Advance(25 * time.Hour)
	h.tick()
	require.Equal(t, []ledger.ID{stubborn.id()}, h.recordIDs())
	for range 3 {
		h.issue(nil)
		h.clock.Advance(25 * time.Hour)
		h.tick()
		require.Equal(t, []ledger.ID{stubborn.id()}, h.recordIDs())
	}
	remove()
	h.tick()
	require.Empty(t, h.recordIDs())
}

func TestARestartedSweeperGoesOnFromItsCursor(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.tick()
	lost := h.issue(nil)
	h.clock.Advance(time.Hour)
	h.tick()
	h.backend.sweeper.cursor = nil
	h.clock.Advance(48 * time.Hour)
	h.storage.reset()
	h.tick()
	require.False(t, h.pm.Accepts(lost.token()))

	// Without a cursor the ledger is listed once.
	another := h.issue(nil)
	require.NoError(t, h.storage.Delete(context.Background(), ledger.CursorKey))
	h.backend.sweeper.cursor = nil
	h.clock.Advance(48 * time.Hour)
	h.tick()
	require.False(t, h.pm.Accepts(another.token()))

	// A cursor that cannot be read is no loss.
	third := h.issue(nil)
	require.NoError(t, h.storage.Put(context.Background(), &logical.StorageEntry{Key: ledger.CursorKey, Value: []byte(`{"next": "../.."}`)}))
	h.backend.sweeper.cursor = nil
	h.clock.Advance(48 * time.Hour)
	h.tick()
	require.False(t, h.pm.Accepts(third.token()))
}

func TestAClockThatRanAheadLeavesNothingOut(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.tick()
	h.clock.Advance(1000 * time.Hour)
	h.tick()
	h.clock.Advance(-1000 * time.Hour)
	lost := h.issue(nil)
	h.tick()
	require.True(t, h.pm.Accepts(lost.token()))
	h.clock.Advance(25 * time.Hour)
	h.tick()
	require.False(t, h.pm.Accepts(lost.token()))
}

// TestATicksCostDoesNotDependOnHowManyLive counts what a tick does to storage
// with no live credential and with a hundred thousand.
func TestATicksCostDoesNotDependOnHowManyLive(t *testing.T) {
	t.Parallel()
	var costs [][4]int64
	for _, live := range []int{0, 100_000} {
		h := newReadyHarness(t, nil)
		h.tick()
		for i := range live {
			deadline := h.clock.Now().Add(24*time.Hour + time.Duration(i)*time.Second)
			id, err := ledger.NewID(deadline, h.backend.random)
			require.NoError(t, err)
			require.NoError(t, h.storage.Storage.Put(context.Background(), &logical.StorageEntry{Key: fmt.Sprintf("ledger/%s/%s", id[:6], id[6:]), Value: []byte("{}")}))
		}
		h.clock.Advance(time.Minute)
		h.storage.reset()
		h.tick()
		costs = append(costs, h.storage.counts())
	}
	require.Equal(t, costs[0], costs[1])
	require.LessOrEqual(t, costs[0][3], int64(10), "listings")
	require.Zero(t, costs[0][1], "a quiet tick writes nothing")
}

func TestSweepingStopsWithTheMount(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.clock.Advance(25 * time.Hour)
	h.backend.clean(context.Background())
	h.tick()
	require.True(t, h.pm.Accepts(l.token()))
}

func TestNoSweepWhereStorageIsNotOurs(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.clock.Advance(25 * time.Hour)
	h.system.ReplicationStateVal = consts.ReplicationDRSecondary
	h.tick()
	require.True(t, h.pm.Accepts(l.token()))
}

func TestTidy(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.mustWrite("roles/other", h.roleData(nil))
	due := h.issue(nil)
	h.clock.Advance(25 * time.Hour)
	live := h.issue(nil)
	resp, err := h.do(logical.ReadOperation, "creds/other", nil)
	require.NoError(t, err)
	other := h.register("creds/other", resp)

	tidy := func(data map[string]any) map[string]any {
		t.Helper()
		resp, err := h.do(logical.UpdateOperation, "tidy", data)
		require.NoError(t, err)
		require.False(t, resp.IsError(), "%v", resp)
		return resp.Data
	}
	remove := h.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Answer(403, jsonHeader(), `{}`)})
	require.Equal(t, map[string]any{"ended": 0, "failed": 1, "remaining_due": 1}, tidy(nil))
	require.Equal(t, map[string]any{"ended": 0, "failed": 3, "remaining_due": 1}, tidy(map[string]any{"all": true}))
	remove()
	require.Equal(t, map[string]any{"ended": 1, "failed": 0, "remaining_due": 0}, tidy(nil))
	require.False(t, h.pm.Accepts(due.token()))
	require.True(t, h.pm.Accepts(live.token()))

	require.Equal(t, map[string]any{"ended": 1, "failed": 0, "remaining_due": 0}, tidy(map[string]any{"role": "ci"}))
	require.False(t, h.pm.Accepts(live.token()))
	require.True(t, h.pm.Accepts(other.token()))
	_, err = live.tryRenew(context.Background())
	require.ErrorContains(t, err, "read the role again")

	require.Equal(t, map[string]any{"ended": 1, "failed": 0, "remaining_due": 0}, tidy(map[string]any{"all": true}))
	require.Empty(t, h.liveIDs())
	h.refusedWrite(logical.UpdateOperation, "tidy", map[string]any{"all": true, "role": "ci"}, "not both")
	h.refusedWrite(logical.UpdateOperation, "tidy", map[string]any{"rolle": "ci"}, "unknown field")
}
