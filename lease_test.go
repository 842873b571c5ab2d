package main

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/ledger"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestIssueTerms(t *testing.T) {
	t.Parallel()
	r := &role{TTL: time.Hour, MaxTTL: 24 * time.Hour}
	for name, test := range map[string]struct {
		mode        renewMode
		asked       time.Duration
		mount, life time.Duration
		ttl, maxTTL time.Duration
		warns       bool
	}{
		"as the role says":               {renewByRefresh, 0, 768 * time.Hour, 8760 * time.Hour, time.Hour, 24 * time.Hour, false},
		"the mount allows less":          {renewByRefresh, 0, 30 * time.Minute, 8760 * time.Hour, 30 * time.Minute, 30 * time.Minute, false},
		"the reader wants less":          {renewByRefresh, time.Minute, 768 * time.Hour, 8760 * time.Hour, time.Minute, 24 * time.Hour, false},
		"the reader wants more":          {renewByRefresh, 2 * time.Hour, 768 * time.Hour, 8760 * time.Hour, time.Hour, 24 * time.Hour, true},
		"not renewable":                  {renewNever, 0, 768 * time.Hour, 8760 * time.Hour, time.Hour, time.Hour, false},
		"the token ends first":           {renewByExtending, 0, 768 * time.Hour, 10 * time.Minute, 9*time.Minute + 30*time.Second, 9*time.Minute + 30*time.Second, true},
		"the token ends before max_ttl":  {renewByExtending, 0, 768 * time.Hour, 2 * time.Hour, time.Hour, 2*time.Hour - 30*time.Second, false},
		"tokens to come end later":       {renewByRefresh, 0, 768 * time.Hour, 2 * time.Hour, time.Hour, 24 * time.Hour, false},
		"a token shorter than the slack": {renewByExtending, 0, 768 * time.Hour, 20 * time.Second, 10 * time.Second, 10 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := issueTerms(r, test.mode, test.asked, test.mount).withinToken(test.mode, test.life)
			require.Equal(t, test.ttl, got.ttl)
			require.Equal(t, test.maxTTL, got.maxTTL)
			require.Equal(t, test.warns, len(got.warnings) > 0, got.warnings)
		})
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
		r := &role{TTL: between(time.Second, maxTTL).Truncate(time.Second), MaxTTL: maxTTL}
		mount := between(time.Second, 200*time.Hour).Truncate(time.Second)
		life := between(2*time.Second, 300*time.Hour)
		mode := []renewMode{renewByRefresh, renewByExtending}[random.IntN(2)]
		now := noon
		tokenEnd := now.Add(life)

		raw := issueTerms(r, mode, 0, mount)
		record := &ledger.Record{Deadline: now.Add(raw.maxTTL + deadlineSlack), IssueTime: now, TTL: raw.ttl}
		lease := raw.withinToken(mode, life)
		issue, end := now, now.Add(lease.ttl)
		for range 20 {
			// Somewhere within the lease, or a clock that was set back.
			now = now.Add(between(-2*time.Second, max(end.Sub(now), 0)))
			if !now.Before(end) {
				break
			}
			renewal := renewal{now: now, leaseIssue: issue, leaseEnd: end, mountMaxTTL: mount, record: record}
			if random.IntN(3) == 0 {
				renewal.increment = between(time.Second, 200*time.Hour)
			}
			rotates := mode == renewByRefresh && renewal.grows()
			if rotates {
				tokenEnd = now.Add(life)
			}
			got, err := renewal.terms(tokenEnd)
			if err != nil {
				require.False(t, rotates, "rotated for a renewal that fails")
				require.False(t, renewal.lastMoment().After(now) && renewal.lastMoment().Sub(now) > time.Second && (renewal.increment == 0 || renewal.increment > time.Second) && tokenEnd.Sub(now) > 2*time.Second, "refused without need")
				break
			}
			newEnd := now.Add(got.ttl)
			require.Positive(t, got.ttl)
			require.False(t, newEnd.After(tokenEnd), "outlives its token")
			require.False(t, newEnd.After(record.Deadline.Add(-deadlineSlack)), "outlives its deadline")
			require.False(t, newEnd.After(issue.Add(mount)), "outlives the mount's maximum")
			require.False(t, issue.Add(got.maxTTL).After(tokenEnd), "a client's increment could outlive the token")
			require.Zero(t, got.ttl%time.Second)
			vaults := issue.Truncate(time.Second).Add(got.maxTTL).Sub(now.Truncate(time.Second))
			require.LessOrEqual(t, got.ttl, vaults, "Vault would cap it with a warning")
			if rotates && life > 2*tokenLeeway+r.TTL {
				require.False(t, newEnd.Before(end.Add(leastGrowth)), "rotated without a gain")
			}
			end = newEnd
		}
	}
}

func TestARenewalAtMaxTTLDoesNotGrow(t *testing.T) {
	t.Parallel()
	record := &ledger.Record{Deadline: noon.Add(2*time.Hour + deadlineSlack), TTL: time.Hour}
	r := renewal{now: noon.Add(90 * time.Minute), leaseIssue: noon, leaseEnd: noon.Add(2 * time.Hour), mountMaxTTL: 768 * time.Hour, record: record}
	require.False(t, r.grows())
	r.leaseEnd = noon.Add(2*time.Hour - time.Second)
	require.True(t, r.grows())
	r.leaseEnd = noon.Add(2*time.Hour - time.Second + 1)
	require.False(t, r.grows(), "less than a second")
	r.leaseEnd = time.Time{}
	require.True(t, r.grows(), "unknown")
}
