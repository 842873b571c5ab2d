package main

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNothingIsLeftRunning is not parallel: it counts what runs in the process.
func TestNothingIsLeftRunning(t *testing.T) {
	patience := time.Minute
	comesDown := func(what string, count func() int, to int) {
		t.Helper()
		for start := time.Now(); count() > to; {
			if time.Since(start) > patience {
				t.Fatalf("%d %s are left, there were %d", count(), what, to)
			}
			time.Sleep(time.Millisecond)
		}
	}
	outside := runtime.NumGoroutine()
	h := newReadyHarness(t, nil)
	// changeConfig makes a client that has no connection yet.
	changeConfig := func() {
		h.mustWrite("config", map[string]any{"verify_connection": false})
		comesDown("connections", h.pm.OpenConnections, 0)
	}
	h.issue(nil)
	require.Positive(t, h.pm.OpenConnections(), "connections are kept for the next exchange")
	changeConfig()
	before := runtime.NumGoroutine()

	for _, kind := range []string{"access_token", "personal_access_token"} {
		h.mustWrite("roles/ci", map[string]any{"credential_type": kind})
		leases := issueMany(h, 100)
		h.clock.Advance(30 * time.Minute)
		for _, l := range leases {
			l.renew()
		}
		for _, l := range leases[:50] {
			require.NoError(t, l.tryRevoke())
		}
		h.goDown()
		h.clock.Advance(20 * time.Minute)
		for _, l := range leases[50:] {
			_, _ = l.tryRenew(context.Background())
			_ = l.tryRevoke()
		}
		h.clock.Advance(24 * time.Hour)
		h.tick()
		require.NoError(t, h.pm.GoOnline())
		h.clock.Advance(time.Minute)
		h.tick()
		require.Empty(t, h.recordIDs())
	}
	require.Zero(t, h.backend.Engine().LocksInUse(), "locks")
	changeConfig()
	comesDown("goroutines", runtime.NumGoroutine, before)

	h.issue(nil)
	require.Positive(t, h.pm.OpenConnections())
	h.backend.Cleanup(context.Background())
	comesDown("connections", h.pm.OpenConnections, 0)
	h.pm.Close()
	comesDown("goroutines", runtime.NumGoroutine, outside)
}
