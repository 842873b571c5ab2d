package upkeep

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/reaper"
	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// crowdStorage holds the first readers of records until there are as many as it
// waits for.
type crowdStorage struct {
	logical.Storage
	waits   int64
	arrived atomic.Int64
	most    atomic.Int64
	inside  atomic.Int64
	open    chan struct{}
	late    atomic.Bool
}

func (s *crowdStorage) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	if !strings.HasPrefix(key, ledger.Prefix) {
		return s.Storage.Get(ctx, key)
	}
	inside := s.inside.Add(1)
	defer s.inside.Add(-1)
	for most := s.most.Load(); inside > most && !s.most.CompareAndSwap(most, inside); most = s.most.Load() {
	}
	if s.arrived.Add(1) == s.waits {
		close(s.open)
	}
	if !s.late.Load() {
		select {
		case <-s.open:
		case <-time.After(time.Minute):
			s.late.Store(true)
		}
	}
	return s.Storage.Get(ctx, key)
}

// What is not of the role is passed over as fast as what is: only the first that
// is to be ended goes alone.
func EndingARoleReadsManyRecordsAtATime(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.MustWrite("roles/other", h.RoleData(nil))
	for range 3 * reaper.SweepWidth {
		h.Read("creds/other")
	}
	mine := h.Issue(nil)
	crowd := &crowdStorage{Storage: h.Storage.Storage, waits: reaper.SweepWidth, open: make(chan struct{})}
	h.Storage.Storage = crowd
	resp := h.MustWrite("credentials/revoke", map[string]any{"role": "ci"})
	require.Equal(t, map[string]any{"matched": 1, "ended": 1, "failed": 0, "failures": []map[string]any{}}, resp.Data)
	require.False(t, crowd.late.Load(), "records were read one at a time")
	require.EqualValues(t, reaper.SweepWidth, crowd.most.Load())
	require.False(t, h.Pm.Accepts(mine.Token()))
	require.Len(t, h.RecordIDs(), 3*reaper.SweepWidth)
}

// After an outage the first finds out whether ProcessMaker is back, and all others
// would be refused meanwhile.
func EndingARoleAfterAnOutage(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.MustWrite("roles/other", h.RoleData(nil))
	for range 2 * reaper.SweepWidth {
		h.Issue(nil)
		h.Read("creds/other")
	}
	h.GoDown()
	resp := h.MustWrite("credentials/revoke", map[string]any{"role": "ci"})
	require.Equal(t, 2*reaper.SweepWidth, resp.Data["failed"])
	require.NoError(t, h.Pm.GoOnline())
	h.Clock.Advance(time.Minute)
	resp = h.MustWrite("credentials/revoke", map[string]any{"role": "ci"})
	require.Equal(t, map[string]any{"matched": 2 * reaper.SweepWidth, "ended": 2 * reaper.SweepWidth, "failed": 0, "failures": []map[string]any{}}, resp.Data)
}
