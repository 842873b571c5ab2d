package main

import (
	"context"
	"runtime"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/load"

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
		h.MustWrite("config", map[string]any{"verify_connection": false})
		comesDown("connections", h.Pm.OpenConnections, 0)
	}
	h.Issue(nil)
	require.Positive(t, h.Pm.OpenConnections(), "connections are kept for the next exchange")
	changeConfig()
	before := runtime.NumGoroutine()

	for _, kind := range []string{"access_token", "personal_access_token"} {
		h.MustWrite("roles/ci", map[string]any{"credential_type": kind})
		leases := load.IssueMany(h, 100)
		h.Clock.Advance(30 * time.Minute)
		for _, l := range leases {
			l.Renew()
		}
		for _, l := range leases[:50] {
			require.NoError(t, l.TryRevoke())
		}
		h.GoDown()
		h.Clock.Advance(20 * time.Minute)
		for _, l := range leases[50:] {
			_, _ = l.TryRenew(context.Background())
			_ = l.TryRevoke()
		}
		h.Clock.Advance(24 * time.Hour)
		h.Tick()
		require.NoError(t, h.Pm.GoOnline())
		h.Clock.Advance(time.Minute)
		h.Tick()
		require.Empty(t, h.RecordIDs())
	}
	require.Zero(t, h.Backend.Engine().LocksInUse(), "locks")
	changeConfig()
	comesDown("goroutines", runtime.NumGoroutine, before)

	h.Issue(nil)
	require.Positive(t, h.Pm.OpenConnections())
	h.Backend.Cleanup(context.Background())
	comesDown("connections", h.Pm.OpenConnections, 0)
	h.Pm.Close()
	comesDown("goroutines", runtime.NumGoroutine, outside)
}
