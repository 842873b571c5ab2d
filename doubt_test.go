package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// TestADoubtfulTokenIsNotAnsweredAgain runs two renewals: the first leaves the
// old token dead or in doubt and fails, the second may not answer it.
func TestADoubtfulTokenIsNotAnsweredAgain(t *testing.T) {
	t.Parallel()
	const refresh, login, ask = processmakertest.RefreshGrant, processmakertest.PasswordGrant, processmakertest.ShowToken
	for name, test := range map[string]struct {
		first, second func(h *harness)
		increment     time.Duration
	}{
		"known dead, then the refresh is throttled": {
			func(h *harness) {
				inject(refresh, processmakertest.HalfRefresh())(h)
				inject(login, processmakertest.Throttled(1))(h)
			},
			func(h *harness) { inject(refresh, processmakertest.Throttled(30))(h) }, 0,
		},
		"in doubt, then the refresh is throttled": {
			func(h *harness) {
				inject(refresh, processmakertest.HalfRefresh())(h)
				inject(ask, processmakertest.ServerError())(h)
			},
			func(h *harness) { inject(refresh, processmakertest.Throttled(30))(h) }, 0,
		},
		"known dead, then the lease would not grow": {
			func(h *harness) {
				inject(refresh, processmakertest.HalfRefresh())(h)
				inject(login, processmakertest.ServerError())(h)
			},
			func(*harness) {}, time.Second,
		},
		"the write failed, then ProcessMaker is down": {
			func(h *harness) { h.storage.failPuts(anyKey) },
			func(h *harness) { h.storage.failPuts(nil); h.goDown() }, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			l := h.issue(nil)
			h.clock.Advance(30 * time.Minute)
			test.first(h)
			_, err := l.tryRenew(context.Background())
			require.Error(t, err)
			require.False(t, h.pm.Accepts(l.token()))

			h.clock.Advance(time.Minute)
			test.second(h)
			resp, err := h.backend.HandleRequest(context.Background(), l.renewRequest(test.increment))
			if err == nil {
				require.True(t, h.pm.Accepts(resp.Data["access_token"].(string)), "a dead token was answered")
			}

			// And it heals.
			require.NoError(t, h.pm.GoOnline())
			h.clock.Advance(2 * time.Minute)
			l.renew()
			require.True(t, h.pm.Accepts(l.token()))
			require.Equal(t, h.recordedIDs(), h.liveIDs())
			require.False(t, h.record(l.id()).Doubtful)
		})
	}
}

func TestDoubtOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.clock.Advance(30 * time.Minute)
	inject(processmakertest.RefreshGrant, processmakertest.HalfRefresh())(h)
	inject(processmakertest.PasswordGrant, processmakertest.ServerError())(h)
	_, err := l.tryRenew(context.Background())
	require.Error(t, err)
	h.restart()
	h.goDown()
	_, err = l.tryRenew(context.Background())
	require.ErrorContains(t, err, "could not be found out")
}

func TestAThrottledRefreshAsksWhetherTheTokenLives(t *testing.T) {
	t.Parallel()
	// As after a kill in the middle of a refresh: nobody remembers.
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.clock.Advance(30 * time.Minute)
	h.pm.RevokeTokenByID(l.data["token_id"].(string))
	inject(processmakertest.RefreshGrant, processmakertest.Throttled(15))(h)
	_, err := l.tryRenew(context.Background())
	if err == nil {
		require.True(t, h.pm.Accepts(l.token()))
	}
	h.clock.Advance(time.Minute)
	l.renew()
	require.True(t, h.pm.Accepts(l.token()))
}
