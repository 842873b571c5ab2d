package credentials

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/ledger"
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

// carryOutLate is ProcessMaker at a refresh that was given up long ago: it kills the old token, and
// nobody sees the new pair.
func carryOutLate(h *mounttest.Mount, l *mounttest.Lease) {
	h.T.Helper()
	record := h.Record(l.Id())
	bound := h.Bound(record.Role)
	_, err := bound.Grants().RefreshGrant(context.Background(), bound.Auth, record.RefreshToken)
	require.NoError(h.T, err)
	require.False(h.T, h.Pm.Accepts(record.AccessToken))
}

// AnUnseenPairIsCountedOnce, however the doubt about it ends.
func AnUnseenPairIsCountedOnce(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	const refresh, login, ask = processmakertest.RefreshGrant, processmakertest.PasswordGrant, processmakertest.ShowToken
	gatewaysError := processmakertest.GatewayPage(500)
	ends := func(l *mounttest.Lease) { require.NoError(t, l.TryRevoke()) }
	for name, test := range map[string]struct {
		faults map[processmakertest.Endpoint][]processmakertest.Effect
		// fails: the renewal that meets the faults does.
		fails bool
		then  func(h *mounttest.Mount, l *mounttest.Lease)
		// live is 1 where the pair exists, and counted where it may.
		live, counted int
	}{
		"a repeat that is throttled, then it comes late": {
			map[processmakertest.Endpoint][]processmakertest.Effect{refresh: {gatewaysError, processmakertest.Throttled(30)}}, false,
			func(h *mounttest.Mount, l *mounttest.Lease) { carryOutLate(h, l); l.Renew(); ends(l) }, 1, 1,
		},
		"given up twice, then it comes late and the login fails": {
			map[processmakertest.Endpoint][]processmakertest.Effect{refresh: {gatewaysError, gatewaysError}}, false,
			func(h *mounttest.Mount, l *mounttest.Lease) {
				carryOutLate(h, l)
				mounttest.Inject(login, processmakertest.Throttled(1))(h)
				_, err := l.TryRenew(context.Background())
				require.Error(t, err)
				h.Clock.Advance(time.Minute)
				l.Renew()
				ends(l)
			}, 1, 1,
		},
		"the question has no answer, and the pair exists": {
			map[processmakertest.Endpoint][]processmakertest.Effect{refresh: {processmakertest.GatewayError(500)}, ask: {processmakertest.ServerError()}}, true,
			func(h *mounttest.Mount, l *mounttest.Lease) { l.Renew(); ends(l) }, 1, 1,
		},
		"it comes late, and the lease ends": {
			map[processmakertest.Endpoint][]processmakertest.Effect{refresh: {gatewaysError, gatewaysError}}, false,
			func(h *mounttest.Mount, l *mounttest.Lease) {
				carryOutLate(h, l)
				h.Storage.FailPuts(mounttest.AnyKey)
				h.Hook(mounttest.HookedStorage{BeforeDelete: failOnce()})
				require.Error(t, l.TryRevoke())
				ends(l)
			}, 1, 1,
		},
		"it comes late, and the record ends when nobody asks": {
			map[processmakertest.Endpoint][]processmakertest.Effect{refresh: {gatewaysError, gatewaysError}}, false,
			func(h *mounttest.Mount, l *mounttest.Lease) {
				carryOutLate(h, l)
				h.Clock.Advance(25 * time.Hour)
				h.Tick()
			}, 1, 1,
		},
		"it may come yet when the lease ends": {
			map[processmakertest.Endpoint][]processmakertest.Effect{refresh: {gatewaysError, gatewaysError}}, false,
			func(h *mounttest.Mount, l *mounttest.Lease) { ends(l) }, 0, 1,
		},
		"the next refresh does it": {
			map[processmakertest.Endpoint][]processmakertest.Effect{refresh: {gatewaysError, gatewaysError}}, false,
			func(h *mounttest.Mount, l *mounttest.Lease) { l.Renew(); ends(l) }, 0, 0,
		},
		"it can come no more when the lease ends": {
			map[processmakertest.Endpoint][]processmakertest.Effect{refresh: {gatewaysError, gatewaysError}}, false,
			func(h *mounttest.Mount, l *mounttest.Lease) { h.Clock.Advance(2 * time.Minute); ends(l) }, 0, 0,
		},
		"ProcessMaker itself has failed": {
			map[processmakertest.Endpoint][]processmakertest.Effect{refresh: {processmakertest.ServerError(), processmakertest.ServerError()}}, false,
			func(h *mounttest.Mount, l *mounttest.Lease) { ends(l) }, 0, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewReady(t, mount, nil)
			l := h.Issue(nil)
			h.Clock.Advance(30 * time.Minute)
			for on, effects := range test.faults {
				for _, effect := range effects {
					mounttest.Inject(on, effect)(h)
				}
			}
			resp, err := l.TryRenew(context.Background())
			require.Equal(t, test.fails, err != nil, "%v", err)
			if err == nil {
				require.Contains(t, strings.Join(resp.Warnings, " "), "HTTP 500", "what turned a repeat away is told in place of the first cause")
			}
			require.EqualValues(t, 0, h.Read("status")["unaccounted"])
			h.Clock.Advance(20 * time.Second)
			test.then(h, l)
			require.Empty(t, h.RecordIDs())
			require.Len(t, h.LiveIDs(), test.live)
			require.EqualValues(t, test.counted, h.Read("status")["unaccounted"])
		})
	}
}

// failOnce lets the deletion of one record fail.
func failOnce() func(string) error {
	var failed atomic.Bool
	return func(key string) error {
		if strings.HasPrefix(key, ledger.Prefix) && failed.CompareAndSwap(false, true) {
			return errors.New("disk full")
		}
		return nil
	}
}

// ADoubtLastsFromTheLastRefresh that was given up.
func ADoubtLastsFromTheLastRefresh(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	for range 2 { // a minute apart
		for range 2 {
			mounttest.Inject(processmakertest.RefreshGrant, processmakertest.GatewayPage(500))(h)
		}
		h.Clock.Advance(time.Minute)
		require.NotEmpty(t, l.Renew().Warnings)
	}
	asked := func() bool {
		h.Pm.ResetLog()
		_, err := h.Backend.HandleRequest(context.Background(), l.RenewRequest(time.Second))
		require.NoError(t, err)
		return h.Pm.Count(processmakertest.ShowToken) > 0
	}
	h.Clock.Advance(time.Minute)
	require.True(t, asked(), "the last refresh may yet be carried out")
	require.True(t, h.Record(l.Id()).Doubtful)
	h.Clock.Advance(16 * time.Second)
	require.True(t, asked())
	require.False(t, h.Record(l.Id()).Doubtful)
	require.False(t, asked())
}
