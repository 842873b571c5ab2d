package mounttest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// Taint makes the mount one that is being disabled or moved, and Untaint takes that back.
func (h *Mount) Taint()   { h.tainted.Store(true) }
func (h *Mount) Untaint() { h.tainted.Store(false) }

// Rollback is what Vault sends once a minute, and a last time when it has tainted the mount.
func (h *Mount) Rollback() {
	h.T.Helper()
	_, err := h.Do(logical.RollbackOperation, "", nil)
	require.NoError(h.T, err)
}

// SettledEvents waits until all events have been sent.
func (h *Mount) SettledEvents() []logical.MockEvent {
	h.T.Helper()
	require.NoError(h.T, h.Backend.Engine().Background.Wait(context.Background()))
	h.events.Lock()
	defer h.events.Unlock()
	return h.events.Events
}

func (h *Mount) EventKinds() []string {
	h.T.Helper()
	var kinds []string
	for _, e := range h.SettledEvents() {
		kinds = append(kinds, string(e.Type))
	}
	return kinds
}

func (h *Mount) Restart() {
	h.T.Helper()
	old := h.Backend
	h.Backend = h.factory(h.Clock, h.Random)
	require.NoError(h.T, h.Backend.Setup(context.Background(), &logical.BackendConfig{
		StorageView: h.Storage, System: systemView{h.System, &h.tainted}, Logger: old.Logger(), BackendUUID: old.Engine().Mount.ID,
	}))
	h.T.Cleanup(func() { h.Backend.Cleanup(context.Background()) })
}

// PutBack puts Vault's clock back, and not ProcessMaker's.
func (h *Mount) PutBack(d time.Duration) {
	h.behind.Add(int64(d))
	h.Clock.Advance(-d)
}

// Tick is one call of the periodic function and the work that it wakes.
func (h *Mount) Tick() {
	h.T.Helper()
	h.Backend.Engine().Tick()
	require.NoError(h.T, h.Backend.Engine().Background.Wait(context.Background()))
}

// systemView is the system of a mount that can be tainted while it works.
type systemView struct {
	*logical.StaticSystemView
	tainted *atomic.Bool
}

func (v systemView) Tainted() bool { return v.tainted.Load() }
