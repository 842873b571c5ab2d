package lease

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestIssueTerms(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mode        Mode
		asked       time.Duration
		mount, life time.Duration
		ttl, maxTTL time.Duration
		warns       bool
	}{
		"as the role says":               {Refresh, 0, 768 * time.Hour, 8760 * time.Hour, time.Hour, 24 * time.Hour, false},
		"the mount allows less":          {Refresh, 0, 30 * time.Minute, 8760 * time.Hour, 30 * time.Minute, 30 * time.Minute, false},
		"the reader wants less":          {Refresh, time.Minute, 768 * time.Hour, 8760 * time.Hour, time.Minute, 24 * time.Hour, false},
		"the reader wants more":          {Refresh, 2 * time.Hour, 768 * time.Hour, 8760 * time.Hour, time.Hour, 24 * time.Hour, true},
		"not renewable":                  {None, 0, 768 * time.Hour, 8760 * time.Hour, time.Hour, time.Hour, false},
		"the token ends first":           {Extend, 0, 768 * time.Hour, 10 * time.Minute, 9*time.Minute + 30*time.Second, 9*time.Minute + 30*time.Second, true},
		"the token ends before max_ttl":  {Extend, 0, 768 * time.Hour, 2 * time.Hour, time.Hour, 2*time.Hour - 30*time.Second, false},
		"tokens to come end later":       {Refresh, 0, 768 * time.Hour, 2 * time.Hour, time.Hour, 24 * time.Hour, false},
		"a token shorter than the slack": {Extend, 0, 768 * time.Hour, 20 * time.Second, 10 * time.Second, 10 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Issue(Bounds{TTL: time.Hour, MaxTTL: 24 * time.Hour, MountMaxTTL: test.mount}, test.mode, test.asked).WithinToken(test.mode, test.life)
			require.Equal(t, test.ttl, got.TTL)
			require.Equal(t, test.maxTTL, got.MaxTTL)
			require.Equal(t, test.warns, len(got.Warnings) > 0, got.Warnings)
		})
	}
}

// TestUntil rounds up within the slack, so that a lease of one second can be issued at all.
func TestUntil(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]time.Duration{
		0: time.Minute, time.Millisecond: time.Minute, time.Second: 59 * time.Second, 59*time.Second + 1: time.Second, time.Minute: 0,
	} {
		got := Terms{TTL: time.Minute, MaxTTL: time.Minute}.Until(noon.Add(time.Minute+DeadlineSlack), noon.Add(took))
		require.Equal(t, want, got.TTL, took)
		require.Equal(t, want, got.MaxTTL, took)
	}
}

// TestLeasesNeverOutliveWhatTheyAreFor drives leases through random renewals,
// with Vault's own arithmetic, under random settings and a clock that jumps.
func TestLeasesNeverOutliveWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	between := func(least, most time.Duration) time.Duration {
		return least + time.Duration(random.Int64N(int64(most-least)+1))
	}
	for range 3000 {
		maxTTL := between(2*time.Second, 100*time.Hour).Truncate(time.Second)
		bounds := Bounds{TTL: between(time.Second, maxTTL).Truncate(time.Second), MaxTTL: maxTTL, MountMaxTTL: between(time.Second, 200*time.Hour).Truncate(time.Second)}
		life := between(2*time.Second, 300*time.Hour)
		mode := []Mode{Refresh, Extend}[random.IntN(2)]
		now := noon
		tokenEnd := now.Add(life)

		raw := Issue(bounds, mode, 0)
		deadline := now.Add(raw.MaxTTL + DeadlineSlack)
		lease := raw.WithinToken(mode, life)
		issue, end := now, now.Add(lease.TTL)
		for range 20 {
			// Somewhere within the lease, or a clock that was set back.
			now = now.Add(between(-2*time.Second, max(end.Sub(now), 0)))
			if !now.Before(end) {
				break
			}
			renewal := Renewal{Now: now, Issued: issue, End: end, Deadline: deadline, TTL: raw.TTL, MountMaxTTL: bounds.MountMaxTTL}
			if random.IntN(3) == 0 {
				renewal.Increment = between(time.Second, 200*time.Hour)
			}
			rotates := mode == Refresh && renewal.Grows()
			if rotates {
				tokenEnd = now.Add(life)
			}
			got, err := renewal.Terms(tokenEnd)
			if err != nil {
				require.False(t, rotates, "rotated for a renewal that fails")
				require.False(t, renewal.LastMoment().After(now) && renewal.LastMoment().Sub(now) > time.Second && (renewal.Increment == 0 || renewal.Increment > time.Second) && tokenEnd.Sub(now) > 2*time.Second, "refused without need")
				break
			}
			newEnd := now.Add(got.TTL)
			require.Positive(t, got.TTL)
			require.False(t, newEnd.After(tokenEnd), "outlives its token")
			require.False(t, newEnd.After(deadline.Add(-DeadlineSlack)), "outlives its deadline")
			require.False(t, newEnd.After(issue.Add(bounds.MountMaxTTL)), "outlives the mount's maximum")
			require.False(t, issue.Add(got.MaxTTL).After(tokenEnd), "a client's increment could outlive the token")
			require.Zero(t, got.TTL%time.Second)
			vaults := issue.Truncate(time.Second).Add(got.MaxTTL).Sub(now.Truncate(time.Second))
			require.LessOrEqual(t, got.TTL, vaults, "Vault would cap it with a warning")
			if rotates && life > 2*tokenLeeway+bounds.TTL {
				require.False(t, newEnd.Before(end.Add(LeastGrowth)), "rotated without a gain")
			}
			end = newEnd
		}
	}
}

func TestARenewalAtMaxTTLDoesNotGrow(t *testing.T) {
	t.Parallel()
	r := Renewal{Now: noon.Add(90 * time.Minute), Issued: noon, End: noon.Add(2 * time.Hour), Deadline: noon.Add(2*time.Hour + DeadlineSlack), TTL: time.Hour, MountMaxTTL: 768 * time.Hour}
	require.False(t, r.Grows())
	r.End = noon.Add(2*time.Hour - time.Second)
	require.True(t, r.Grows())
	r.End = noon.Add(2*time.Hour - time.Second + 1)
	require.False(t, r.Grows(), "less than a second")
	r.End = time.Time{}
	require.True(t, r.Grows(), "unknown")
}
