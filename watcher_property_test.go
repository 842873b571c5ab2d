package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/lease"
)

// TestWatchersNeverSpin drives mounts with random settings as Vault's own
// lifetime watcher does: it renews at once, then at about two thirds of the
// lease, and reads again when the lease stops growing. The clock makes steps.
func TestWatchersNeverSpin(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 7))
			seconds := func(most int) time.Duration { return time.Duration(1+random.IntN(most)) * time.Second }
			mode := []string{"refresh", "extend"}[random.IntN(2)]
			maxTTL := 10*time.Second + seconds(100_000)
			ttl := min(10*time.Second+seconds(20_000), maxTTL)
			h := newReadyHarness(t, map[string]any{"renew_mode": mode, "ttl": int(ttl.Seconds()), "max_ttl": int(maxTTL.Seconds())})
			h.system.MaxLeaseTTLVal = 10*time.Second + seconds(100_000)

			calls := 0
			start := h.clock.Now()
			for range 4 {
				l := h.issue(nil)
				end := h.clock.Now().Add(l.secret.TTL)
				begin := h.clock.Now()
				for round := 0; ; round++ {
					refreshes := h.pm.Count(processmakertest.RefreshGrant)
					all := h.pm.Count()
					calls++
					_, err := l.tryRenew(context.Background())
					if err != nil {
						require.ErrorContains(t, err, "max_ttl")
						break
					}
					newEnd := vaultsEnd(h, l)
					require.True(t, l.secret.Renewable)
					require.False(t, newEnd.Before(end.Add(-2*time.Second)), "a renewal shortened the lease")
					require.False(t, newEnd.After(h.record(l.id()).Deadline), "outlives its deadline")
					require.False(t, newEnd.After(h.record(l.id()).TokenExpireTime), "outlives its token")
					require.True(t, h.pm.Accepts(l.token()))
					if mode == "extend" {
						require.Equal(t, all, h.pm.Count(), "extend makes no call")
					}
					if h.pm.Count(processmakertest.RefreshGrant) > refreshes {
						require.False(t, newEnd.Before(end.Add(lease.LeastGrowth-time.Second)), "rotated without a gain")
					}
					end = newEnd
					left := end.Sub(h.clock.Now())
					grace := l.secret.TTL / 10
					if left <= grace || round > 1000 {
						break
					}
					h.clock.Advance(left * 2 / 3)
					if random.IntN(10) == 0 {
						h.clock.Advance(-time.Duration(random.IntN(1000)) * time.Millisecond)
					}
				}
				if h.clock.Now().Before(begin.Add(time.Second)) {
					h.clock.Advance(time.Second)
				}
			}
			// Each turn takes two thirds of what is left of a lease, so there is
			// one for every half of a ttl, and some as a lease runs out.
			lived, lease := h.clock.Now().Sub(start), min(ttl, h.system.MaxLeaseTTLVal)
			require.LessOrEqual(t, calls, int(2*lived/lease)+4*25, "in %s", lived)
			require.LessOrEqual(t, h.pm.Count(processmakertest.PasswordGrant), 4)
		})
	}
}

// vaultsEnd is where Vault puts the end of a lease that was just renewed, by its
// own arithmetic on the injected clock.
func vaultsEnd(h *harness, l *heldLease) time.Time {
	h.t.Helper()
	// CalculateTTL reads the real clock: what counts is how far apart the
	// times are.
	shift := time.Since(h.clock.Now())
	ttl, warnings, err := framework.CalculateTTL(h.system, 0, l.secret.TTL, 0, l.secret.MaxTTL, 0, l.secret.IssueTime.Add(shift))
	require.NoError(h.t, err)
	require.LessOrEqual(h.t, len(warnings), 1)
	return h.clock.Now().Add(ttl)
}
