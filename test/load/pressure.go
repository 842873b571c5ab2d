package load

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/instance"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// IssueMany gives leases of role ci, which many readers asked for at once.
func IssueMany(h *mounttest.Mount, count int) []*mounttest.Lease {
	h.T.Helper()
	leases := make([]*mounttest.Lease, count)
	next := make(chan int)
	var readers sync.WaitGroup
	for range 16 {
		readers.Go(func() {
			for i := range next {
				resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
				if mounttest.Status(resp, err) != 200 {
					h.T.Error(mounttest.Message(resp, err))
					continue
				}
				leases[i] = h.Register("creds/ci", resp)
			}
		})
	}
	for i := range count {
		next <- i
	}
	close(next)
	readers.Wait()
	require.False(h.T, h.T.Failed())
	return leases
}

// ReadersDoNotWaitForRevocations sends what Vault may send at once to a
// ProcessMaker that answers no revocation for the time being.
func ReadersDoNotWaitForRevocations(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := mounttest.NewReady(t, mount, map[string]any{"credential_type": kind})
		h.MustWrite("config", map[string]any{"max_concurrent_requests": nil})
		const lane = instance.DefaultMaxConcurrentRequests / 2
		leases := IssueMany(h, mounttest.VaultRevocations)
		h.Clock.Advance(time.Minute)
		h.Pm.ResetLog()
		release := make(chan struct{})
		h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Hold(release)})
		var revocations sync.WaitGroup
		for _, l := range leases {
			revocations.Go(func() {
				if err := l.TryRevoke(); err != nil {
					t.Error(err)
				}
			})
		}
		for h.Pm.Count(processmakertest.DeleteToken) < lane {
			runtime.Gosched()
		}
		meanwhile := IssueMany(h, 40)
		require.Equal(t, lane, h.Pm.Count(processmakertest.DeleteToken), "the others still wait for their turn")
		close(release)
		meanwhile = append(meanwhile, IssueMany(h, 40)...)
		revocations.Wait()
		require.Equal(t, lane, h.Pm.PeakInFlight(processmakertest.DeleteToken, processmakertest.ShowToken))
		for _, l := range leases {
			require.False(t, h.Pm.Accepts(l.Token()))
		}
		for _, l := range meanwhile {
			require.True(t, h.Pm.Accepts(l.Token()))
		}
		require.Len(t, h.RecordIDs(), len(meanwhile))
	}
}

// ManyLeasesExpireTogether has Vault revoke all of them at once, while
// ProcessMaker is there or away.
func ManyLeasesExpireTogether(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, test := range map[string]struct {
		outage time.Duration
		count  int
	}{
		"no outage":           {0, mounttest.MassExpiry},
		"an outage of 30 s":   {30 * time.Second, mounttest.MassExpiry / 4},
		"an outage of 10 min": {10 * time.Minute, mounttest.MassExpiry},
		// About when revocations are handed over, and long after.
		"an outage of 294 s":   {294 * time.Second, mounttest.MassExpiry / 20},
		"an outage of 310 s":   {310 * time.Second, mounttest.MassExpiry / 20},
		"an outage of an hour": {time.Hour, mounttest.MassExpiry / 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewPersonal(t, mount, nil)
			h.MustWrite("config", map[string]any{"max_concurrent_requests": nil})
			h.Tick()
			leases := IssueMany(h, test.count)
			h.Clock.Advance(time.Hour)
			h.Pm.ResetLog()
			e := mounttest.NewExpirer(h, leases)
			if test.outage > 0 {
				e.Outage(test.outage)
			}
			e.Run(test.outage + time.Hour)
			require.Zero(t, e.Irrevocable)
			require.Empty(t, e.Waiting)
			require.Empty(t, h.LivePersonal())
			require.Empty(t, h.RecordIDs())
			require.Zero(t, h.Backend.Engine().Credentials.Attempts.Len())
			require.Empty(t, h.Census(), "the session alone is left")
			require.LessOrEqual(t, h.Pm.PeakInFlight(processmakertest.DeleteToken, processmakertest.ShowToken, processmakertest.ListTokens), instance.DefaultMaxConcurrentRequests/2)
			require.LessOrEqual(t, h.Pm.Count(processmakertest.DeleteToken), test.count+mounttest.VaultRevocations, "no token is ended twice, but for those whose connection broke")
			h.Issue(nil)
		})
	}
}
