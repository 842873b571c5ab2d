package credentials

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// ADoubtfulTokenIsNotAnsweredAgain runs two renewals: the first leaves the
// old token dead or in doubt and fails, the second may not answer it.
func ADoubtfulTokenIsNotAnsweredAgain(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	const refresh, login, ask = processmakertest.RefreshGrant, processmakertest.PasswordGrant, processmakertest.ShowToken
	for name, test := range map[string]struct {
		first, second func(h *mounttest.Mount)
		increment     time.Duration
	}{
		"known dead, then the refresh is throttled": {
			func(h *mounttest.Mount) {
				mounttest.Inject(refresh, processmakertest.HalfRefresh())(h)
				mounttest.Inject(login, processmakertest.Throttled(1))(h)
			},
			func(h *mounttest.Mount) { mounttest.Inject(refresh, processmakertest.Throttled(30))(h) }, 0,
		},
		"in doubt, then the refresh is throttled": {
			func(h *mounttest.Mount) {
				mounttest.Inject(refresh, processmakertest.HalfRefresh())(h)
				mounttest.Inject(ask, processmakertest.ServerError())(h)
			},
			func(h *mounttest.Mount) { mounttest.Inject(refresh, processmakertest.Throttled(30))(h) }, 0,
		},
		"known dead, then the lease would not grow": {
			func(h *mounttest.Mount) {
				mounttest.Inject(refresh, processmakertest.HalfRefresh())(h)
				mounttest.Inject(login, processmakertest.ServerError())(h)
			},
			func(*mounttest.Mount) {}, time.Second,
		},
		"the write failed, then ProcessMaker is down": {
			func(h *mounttest.Mount) { h.Storage.FailPuts(mounttest.AnyKey) },
			func(h *mounttest.Mount) { h.Storage.FailPuts(nil); h.GoDown() }, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewReady(t, mount, nil)
			l := h.Issue(nil)
			h.Clock.Advance(30 * time.Minute)
			test.first(h)
			_, err := l.TryRenew(context.Background())
			require.Error(t, err)
			require.False(t, h.Pm.Accepts(l.Token()))

			h.Clock.Advance(time.Minute)
			test.second(h)
			resp, err := h.Backend.HandleRequest(context.Background(), l.RenewRequest(test.increment))
			if err == nil {
				require.True(t, h.Pm.Accepts(resp.Data["access_token"].(string)), "a dead token was answered")
			}

			// And it heals.
			require.NoError(t, h.Pm.GoOnline())
			h.Clock.Advance(2 * time.Minute)
			l.Renew()
			require.True(t, h.Pm.Accepts(l.Token()))
			require.Equal(t, h.RecordedIDs(), h.LiveIDs())
			require.False(t, h.Record(l.Id()).Doubtful)
		})
	}
}

func DoubtOutlivesTheProcess(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	mounttest.Inject(processmakertest.RefreshGrant, processmakertest.HalfRefresh())(h)
	mounttest.Inject(processmakertest.PasswordGrant, processmakertest.ServerError())(h)
	_, err := l.TryRenew(context.Background())
	require.Error(t, err)
	h.Restart()
	h.GoDown()
	_, err = l.TryRenew(context.Background())
	require.ErrorContains(t, err, "could not be found out")
}

func AThrottledRefreshAsksWhetherTheTokenLives(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	// As after a kill in the middle of a refresh: nobody remembers.
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	h.Pm.RevokeTokenByID(l.Data["token_id"].(string))
	mounttest.Inject(processmakertest.RefreshGrant, processmakertest.Throttled(15))(h)
	_, err := l.TryRenew(context.Background())
	if err == nil {
		require.True(t, h.Pm.Accepts(l.Token()))
	}
	h.Clock.Advance(time.Minute)
	l.Renew()
	require.True(t, h.Pm.Accepts(l.Token()))
}
