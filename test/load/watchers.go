package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/lease"
)

// WatchersNeverSpin drives mounts with random settings as Vault's own
// lifetime watcher does: it renews at once, then at about two thirds of the
// lease, and reads again when the lease stops growing. The clock makes steps.
func WatchersNeverSpin(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 7))
			seconds := func(most int) time.Duration { return time.Duration(1+random.IntN(most)) * time.Second }
			mode := []string{"refresh", "extend"}[random.IntN(2)]
			maxTTL := 10*time.Second + seconds(100_000)
			ttl := min(10*time.Second+seconds(20_000), maxTTL)
			h := mounttest.NewReady(t, mount, map[string]any{"renew_mode": mode, "ttl": int(ttl.Seconds()), "max_ttl": int(maxTTL.Seconds())})
			h.System.MaxLeaseTTLVal = 10*time.Second + seconds(100_000)

			calls := 0
			start := h.Clock.Now()
			for range 4 {
				l := h.Issue(nil)
				end := h.Clock.Now().Add(l.Secret.TTL)
				begin := h.Clock.Now()
				for round := 0; ; round++ {
					refreshes := h.Pm.Count(processmakertest.RefreshGrant)
					all := h.Pm.Count()
					calls++
					_, err := l.TryRenew(context.Background())
					if err != nil {
						require.ErrorContains(t, err, "max_ttl")
						break
					}
					newEnd := vaultsEnd(h, l)
					require.True(t, l.Secret.Renewable)
					require.False(t, newEnd.Before(end.Add(-2*time.Second)), "a renewal shortened the lease")
					require.False(t, newEnd.After(h.Record(l.Id()).Deadline), "outlives its deadline")
					require.False(t, newEnd.After(h.Record(l.Id()).TokenExpireTime), "outlives its token")
					require.True(t, h.Pm.Accepts(l.Token()))
					if mode == "extend" {
						require.Equal(t, all, h.Pm.Count(), "extend makes no call")
					}
					if h.Pm.Count(processmakertest.RefreshGrant) > refreshes {
						require.False(t, newEnd.Before(end.Add(lease.LeastGrowth-time.Second)), "rotated without a gain")
					}
					end = newEnd
					left := end.Sub(h.Clock.Now())
					grace := l.Secret.TTL / 10
					if left <= grace || round > 1000 {
						break
					}
					h.Clock.Advance(left * 2 / 3)
					if random.IntN(10) == 0 {
						h.Clock.Advance(-time.Duration(random.IntN(1000)) * time.Millisecond)
					}
				}
				if h.Clock.Now().Before(begin.Add(time.Second)) {
					h.Clock.Advance(time.Second)
				}
			}
			// Each turn takes two thirds of what is left of a lease, so there is
			// one for every half of a ttl, and some as a lease runs out.
			lived, lease := h.Clock.Now().Sub(start), min(ttl, h.System.MaxLeaseTTLVal)
			require.LessOrEqual(t, calls, int(2*lived/lease)+4*25, "in %s", lived)
			require.LessOrEqual(t, h.Pm.Count(processmakertest.PasswordGrant), 4)
		})
	}
}

// vaultsEnd is where Vault puts the end of a lease that was just renewed, by its
// own arithmetic on the injected clock.
func vaultsEnd(h *mounttest.Mount, l *mounttest.Lease) time.Time {
	h.T.Helper()
	// CalculateTTL reads the real clock: what counts is how far apart the
	// times are.
	shift := time.Since(h.Clock.Now())
	ttl, warnings, err := framework.CalculateTTL(h.System, 0, l.Secret.TTL, 0, l.Secret.MaxTTL, 0, l.Secret.IssueTime.Add(shift))
	require.NoError(h.T, err)
	require.LessOrEqual(h.T, len(warnings), 1)
	return h.Clock.Now().Add(ttl)
}
