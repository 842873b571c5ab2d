package upkeep

import (
	"context"
	"fmt"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/load"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/reaper"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

func WhatALostLeaseLeavesIsEndedAtItsDeadline(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.Tick()
	lost := h.Issue(nil)
	kept := h.Issue(nil)
	h.Clock.Advance(12 * time.Hour)
	kept.Renew()
	h.Tick()
	require.Len(t, h.LiveIDs(), 2, "nothing ends before its deadline")

	h.Clock.Advance(12*time.Hour + lease.DeadlineSlack - time.Second)
	h.Tick()
	require.True(t, h.Pm.Accepts(lost.Token()))
	h.Clock.Advance(time.Second)
	h.Tick()
	require.Empty(t, h.LiveIDs())
	require.Empty(t, h.RecordIDs())
	require.NoError(t, lost.TryRevoke(), "Vault's own revocation finds nothing left to do")
}

func TokensPutDownAsDueAreEndedAtTheNextTick(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.Tick()
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.HTMLPage(500)})
	h.MustWrite("roles/ci", map[string]any{"verify": true})
	require.Len(t, h.LiveIDs(), 1)
	h.Tick()
	require.Empty(t, h.LiveIDs())
	require.Empty(t, h.RecordIDs())
}

func AnOutageAtTheDeadlineHealsByItself(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.Tick()
	for range 20 {
		h.Issue(nil)
		h.Clock.Advance(20 * time.Minute)
	}
	h.GoDown()
	// Longer than any minute stays unsettled, so that leftovers are carried.
	for range 60 {
		h.Clock.Advance(time.Hour)
		h.Tick()
	}
	require.Len(t, h.RecordIDs(), 20)
	require.NoError(t, h.Pm.GoOnline())
	h.Clock.Advance(time.Minute)
	h.Tick()
	require.Empty(t, h.LiveIDs())
	require.Empty(t, h.RecordIDs())
	cursor, err := h.Backend.Engine().Ledger.ReadCursor(context.Background())
	require.NoError(t, err)
	require.Empty(t, cursor.Left)
}

func TheFirstTickAfterAnOutageEndsAllThatIsDue(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.Tick()
	load.IssueMany(h, 50)
	h.Clock.Advance(25 * time.Hour)
	h.GoDown()
	h.Tick()
	require.Len(t, h.RecordIDs(), 50)
	require.NoError(t, h.Pm.GoOnline())
	h.Clock.Advance(time.Minute)
	h.Tick()
	require.Empty(t, h.RecordIDs())
	require.Empty(t, h.LiveIDs())
}

func OneStubbornCredentialHoldsUpNoOther(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.Tick()
	stubborn := h.Issue(nil)
	h.Issue(nil)
	remove := h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Answer(403, mounttest.JsonHeader(), `{}`), Match: mounttest.PathEnds(stubborn.Data["token_id"].(string))})
	h.Clock.Advance(25 * time.Hour)
	h.Tick()
	require.Equal(t, []ledger.ID{stubborn.Id()}, h.RecordIDs())
	for range 3 {
		h.Issue(nil)
		h.Clock.Advance(25 * time.Hour)
		h.Tick()
		require.Equal(t, []ledger.ID{stubborn.Id()}, h.RecordIDs())
	}
	remove()
	h.Tick()
	require.Empty(t, h.RecordIDs())
}

func ARestartedSweeperGoesOnFromItsCursor(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.Tick()
	lost := h.Issue(nil)
	h.Clock.Advance(time.Hour)
	h.Tick()
	h.Backend.Engine().Reaper = reaper.New(h.Backend.Engine().Tokens, h.Backend.Engine().Sessions, h.Backend.Engine().Credentials)
	h.Clock.Advance(48 * time.Hour)
	h.Storage.Reset()
	h.Tick()
	require.False(t, h.Pm.Accepts(lost.Token()))

	// Without a cursor the ledger is listed once.
	another := h.Issue(nil)
	require.NoError(t, h.Storage.Delete(context.Background(), ledger.CursorKey))
	h.Backend.Engine().Reaper = reaper.New(h.Backend.Engine().Tokens, h.Backend.Engine().Sessions, h.Backend.Engine().Credentials)
	h.Clock.Advance(48 * time.Hour)
	h.Tick()
	require.False(t, h.Pm.Accepts(another.Token()))

	// A cursor that cannot be read is no loss.
	third := h.Issue(nil)
	require.NoError(t, h.Storage.Put(context.Background(), &logical.StorageEntry{Key: ledger.CursorKey, Value: []byte(`{"next": "../.."}`)}))
	h.Backend.Engine().Reaper = reaper.New(h.Backend.Engine().Tokens, h.Backend.Engine().Sessions, h.Backend.Engine().Credentials)
	h.Clock.Advance(48 * time.Hour)
	h.Tick()
	require.False(t, h.Pm.Accepts(third.Token()))
}

func AClockThatRanAheadLeavesNothingOut(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.Tick()
	h.Clock.Advance(1000 * time.Hour)
	h.Tick()
	h.Clock.Advance(-1000 * time.Hour)
	lost := h.Issue(nil)
	h.Tick()
	require.True(t, h.Pm.Accepts(lost.Token()))
	h.Clock.Advance(25 * time.Hour)
	h.Tick()
	require.False(t, h.Pm.Accepts(lost.Token()))
}

// ATicksCostDoesNotDependOnHowManyLive counts what a tick does to storage
// with no live credential and with a hundred thousand.
func ATicksCostDoesNotDependOnHowManyLive(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	var costs [][4]int64
	for _, live := range []int{0, 100_000} {
		h := mounttest.NewReady(t, mount, nil)
		h.Tick()
		for i := range live {
			deadline := h.Clock.Now().Add(24*time.Hour + time.Duration(i)*time.Second)
			id, err := ledger.NewID(deadline, h.Random)
			require.NoError(t, err)
			require.NoError(t, h.Storage.Storage.Put(context.Background(), &logical.StorageEntry{Key: fmt.Sprintf("ledger/%s/%s", id[:6], id[6:]), Value: []byte("{}")}))
		}
		h.Clock.Advance(time.Minute)
		h.Storage.Reset()
		h.Tick()
		costs = append(costs, h.Storage.Counts())
	}
	require.Equal(t, costs[0], costs[1])
	require.LessOrEqual(t, costs[0][3], int64(10), "listings")
	require.Zero(t, costs[0][1], "a quiet tick writes nothing")
}

func SweepingStopsWithTheMount(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.Clock.Advance(25 * time.Hour)
	h.Backend.Cleanup(context.Background())
	h.Tick()
	require.True(t, h.Pm.Accepts(l.Token()))
}

func NoSweepWhereStorageIsNotOurs(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.Clock.Advance(25 * time.Hour)
	h.System.ReplicationStateVal = consts.ReplicationDRSecondary
	h.Tick()
	require.True(t, h.Pm.Accepts(l.Token()))
}

func Tidy(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.MustWrite("roles/other", h.RoleData(nil))
	due := h.Issue(nil)
	h.Clock.Advance(25 * time.Hour)
	live := h.Issue(nil)
	resp, err := h.Do(logical.ReadOperation, "creds/other", nil)
	require.NoError(t, err)
	other := h.Register("creds/other", resp)

	does := func(path string, data map[string]any, expected string) {
		t.Helper()
		resp, err := h.Do(logical.UpdateOperation, path, data)
		require.NoError(t, err)
		require.False(t, resp.IsError(), "%v", resp)
		require.Equal(t, resp.Data["failed"], len(resp.Data["failures"].([]map[string]any)))
		require.Equal(t, resp.Data["failed"] != 0 && path != "tidy", len(resp.Warnings) == 1, "%v", resp.Warnings)
		delete(resp.Data, "failures")
		require.Equal(t, expected, fmt.Sprint(resp.Data))
	}
	remove := h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Answer(403, mounttest.JsonHeader(), `{}`)})
	does("tidy", nil, "map[ended:0 failed:1 remaining_due:1]")
	does("credentials/revoke", map[string]any{"all": true}, "map[ended:0 failed:3 matched:3]")
	remove()
	does("credentials/revoke", map[string]any{"all": true, "dry_run": true}, "map[ended:0 failed:0 matched:3]")
	does("tidy", nil, "map[ended:1 failed:0 remaining_due:0]")
	require.False(t, h.Pm.Accepts(due.Token()))
	require.True(t, h.Pm.Accepts(live.Token()))

	does("credentials/revoke", map[string]any{"role": "ci"}, "map[ended:1 failed:0 matched:1]")
	require.False(t, h.Pm.Accepts(live.Token()))
	require.True(t, h.Pm.Accepts(other.Token()))
	_, err = live.TryRenew(context.Background())
	require.ErrorContains(t, err, "read the role again")

	does("credentials/revoke", map[string]any{"all": true}, "map[ended:1 failed:0 matched:1]")
	require.Empty(t, h.LiveIDs())
	h.RefusedWrite(logical.UpdateOperation, "tidy", map[string]any{"role": "ci"}, "unknown field")
}
