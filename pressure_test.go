package main

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/instance"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// issueMany gives leases of role ci, which many readers asked for at once.
func (h *harness) issueMany(count int) []*heldLease {
	h.t.Helper()
	leases := make([]*heldLease, count)
	next := make(chan int)
	var readers sync.WaitGroup
	for range 16 {
		readers.Go(func() {
			for i := range next {
				resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
				if status(resp, err) != 200 {
					h.t.Error(message(resp, err))
					continue
				}
				leases[i] = h.register("creds/ci", resp)
			}
		})
	}
	for i := range count {
		next <- i
	}
	close(next)
	readers.Wait()
	require.False(h.t, h.t.Failed())
	return leases
}

// TestReadersDoNotWaitForRevocations sends what Vault may send at once to a
// ProcessMaker that answers no revocation for the time being.
func TestReadersDoNotWaitForRevocations(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := newReadyHarness(t, map[string]any{"credential_type": kind})
		h.mustWrite("config", map[string]any{"max_concurrent_requests": nil})
		const lane = instance.DefaultMaxConcurrentRequests / 2
		leases := h.issueMany(vaultRevocations)
		h.clock.Advance(time.Minute)
		h.pm.ResetLog()
		release := make(chan struct{})
		h.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Hold(release)})
		var revocations sync.WaitGroup
		for _, l := range leases {
			revocations.Go(func() {
				if err := l.tryRevoke(); err != nil {
					t.Error(err)
				}
			})
		}
		for h.pm.Count(processmakertest.DeleteToken) < lane {
			runtime.Gosched()
		}
		meanwhile := h.issueMany(40)
		require.Equal(t, lane, h.pm.Count(processmakertest.DeleteToken), "the others still wait for their turn")
		close(release)
		meanwhile = append(meanwhile, h.issueMany(40)...)
		revocations.Wait()
		require.Equal(t, lane, h.pm.PeakInFlight(processmakertest.DeleteToken, processmakertest.ShowToken))
		for _, l := range leases {
			require.False(t, h.pm.Accepts(l.token()))
		}
		for _, l := range meanwhile {
			require.True(t, h.pm.Accepts(l.token()))
		}
		require.Len(t, h.recordIDs(), len(meanwhile))
	}
}

// TestManyLeasesExpireTogether has Vault revoke all of them at once, while
// ProcessMaker is there or away.
func TestManyLeasesExpireTogether(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		outage time.Duration
		count  int
	}{
		"no outage":           {0, massExpiry},
		"an outage of 30 s":   {30 * time.Second, massExpiry / 4},
		"an outage of 10 min": {10 * time.Minute, massExpiry},
		// About when revocations are handed over, and long after.
		"an outage of 294 s":   {294 * time.Second, massExpiry / 20},
		"an outage of 310 s":   {310 * time.Second, massExpiry / 20},
		"an outage of an hour": {time.Hour, massExpiry / 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			h.mustWrite("config", map[string]any{"max_concurrent_requests": nil})
			h.tick()
			leases := h.issueMany(test.count)
			h.clock.Advance(time.Hour)
			h.pm.ResetLog()
			e := newExpirer(h, leases)
			if test.outage > 0 {
				e.outage(test.outage)
			}
			e.run(test.outage + time.Hour)
			require.Zero(t, e.irrevocable)
			require.Empty(t, e.waiting)
			require.Empty(t, h.livePersonal())
			require.Empty(t, h.recordIDs())
			require.Zero(t, h.backend.engine.Credentials.Attempts.Len())
			require.Empty(t, h.census(), "the session alone is left")
			require.LessOrEqual(t, h.pm.PeakInFlight(processmakertest.DeleteToken, processmakertest.ShowToken, processmakertest.ListTokens), instance.DefaultMaxConcurrentRequests/2)
			require.LessOrEqual(t, h.pm.Count(processmakertest.DeleteToken), test.count+vaultRevocations, "no token is ended twice, but for those whose connection broke")
			h.issue(nil)
		})
	}
}
