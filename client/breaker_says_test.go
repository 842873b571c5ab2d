package client_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestWhatOpensTheBreaker(t *testing.T) {
	t.Parallel()
	const ownMaintenance = "{\n    \"message\": \"Service Unavailable\"\n}"
	html := func(status int, pairs ...string) processmakertest.Effect {
		header := http.Header{"Content-Type": {"text/html"}}
		for i := 0; i < len(pairs); i += 2 {
			header.Set(pairs[i], pairs[i+1])
		}
		return processmakertest.Answer(status, header, "<html>")
	}
	login := func(f *fixture) {
		_, _ = f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	}
	list := func(f *fixture) {
		_, _ = f.list(client.Token{UserID: "2", ID: "a"})
	}
	revoke := func(f *fixture) {
		_ = f.client.RevokeToken(context.Background(), client.Token{UserID: "2", ID: "a"})
	}
	probe := func(f *fixture) { _ = f.client.Probe(context.Background()) }
	for name, test := range map[string]struct {
		answer processmakertest.Effect
		ask    func(*fixture)
		opens  time.Duration
	}{
		"a broken connection":               {processmakertest.Refuse(), login, 5 * time.Second},
		"a gateway's 502":                   {html(502), login, 5 * time.Second},
		"a gateway's 503":                   {html(503), login, 5 * time.Second},
		"a gateway's 504":                   {html(504), login, 5 * time.Second},
		"a gateway's 503 in JSON":           {jsonAnswer(503, `{"message":"no healthy upstream"}`), login, 5 * time.Second},
		"a gateway's 503 that says when":    {html(503, "Retry-After", "40"), login, 40 * time.Second},
		"maintenance":                       {jsonAnswer(503, ownMaintenance), login, 0},
		"maintenance that says when":        {processmakertest.Maintenance(60), login, time.Minute},
		"ProcessMaker's 500":                {processmakertest.ServerError(), login, 0},
		"a revocation's 502":                {html(502), revoke, 5 * time.Second},
		"a list's 504":                      {html(504), list, 0},
		"a list's 502":                      {html(502), list, 0},
		"a list's broken connection":        {processmakertest.Refuse(), list, 5 * time.Second},
		"a look at a gateway":               {html(502), probe, 0},
		"a look at a broken connection":     {processmakertest.Refuse(), probe, 0},
		"a look at maintenance":             {processmakertest.Maintenance(60), probe, 0},
		"a page where an answer was wanted": {html(200), login, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: -1, Do: test.answer})
			test.ask(f)
			condition := f.client.Condition()
			if test.opens == 0 {
				require.Equal(t, client.Closed, condition.Breaker)
				return
			}
			require.Equal(t, client.Open, condition.Breaker)
			require.Equal(t, noon.Add(test.opens), condition.RetryAt)
			_, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
			require.Regexp(t, "not tried, .* a moment ago: (it answered 50[234]|.*connection)", err.Error(), "the cause outlives the first answer")
		})
	}
}

// TestASlowListHoldsNobodyUp: a list takes longer than any other exchange may.
func TestASlowListHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	bearer, other := f.sign(t).Access, f.sign(t).Access
	cfg := configFor(t, f.pm.URL())
	cfg.CACert, cfg.RequestTimeout, cfg.MaxConcurrentRequests = f.pm.CACertPEM(), time.Second, 4
	hasty, err := client.New(cfg, f.clock)
	require.NoError(t, err)
	defer hasty.Close()
	release, arrived := make(chan struct{}), make(chan struct{})
	f.pm.Inject(processmakertest.Fault{On: processmakertest.ListTokens, Do: processmakertest.Hold(release), Match: func(*http.Request) bool {
		close(arrived)
		return true
	}})
	var lists sync.WaitGroup
	for range 2 {
		lists.Go(func() {
			_, err := listed(hasty, bearer)
			if err != nil {
				t.Errorf("a slow list has time: %s", err)
			}
		})
	}
	<-arrived

	// Its own time-out outlives that of others, which says nothing to the breaker
	// where the work was in the background.
	held := make(chan struct{})
	f.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.Hold(held)})
	err = hasty.RevokeToken(context.Background(), other)
	require.ErrorContains(t, err, "no answer within 1s")
	close(held)
	require.Equal(t, client.Closed, hasty.Condition().Breaker)
	require.NoError(t, hasty.RevokeToken(context.Background(), f.sign(t).Access), "the background has room beside lists")
	require.Equal(t, client.Closed, hasty.Condition().Breaker)
	close(release)
	lists.Wait()
}

// TestASlowKindLeavesRoomToOthers: logins that hang take no room from personal access tokens, nor
// they from logins, however many wait.
func TestASlowKindLeavesRoomToOthers(t *testing.T) {
	t.Parallel()
	for _, slow := range []processmakertest.Endpoint{processmakertest.PasswordGrant, processmakertest.CreateToken} {
		t.Run(string(slow), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			bearer, other := f.sign(t).Access, f.sign(t).Access
			kinds := map[processmakertest.Endpoint]func() error{
				processmakertest.PasswordGrant: func() error {
					_, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
					return err
				},
				processmakertest.CreateToken: func() error {
					_, err := f.client.CreatePersonalToken(context.Background(), bearer, bearer.UserID, "n")
					return err
				},
				processmakertest.DeleteToken: func() error { return f.client.RevokeToken(context.Background(), other) },
			}
			release, arrived := make(chan struct{}), make(chan struct{}, 20)
			f.pm.Inject(processmakertest.Fault{On: slow, Times: -1, Do: processmakertest.Hold(release), Match: func(*http.Request) bool {
				arrived <- struct{}{}
				return true
			}})
			var waiting sync.WaitGroup
			for range 20 {
				waiting.Go(func() {
					if err := kinds[slow](); err != nil {
						t.Errorf("%s", err)
					}
				})
			}
			for range 6 {
				<-arrived
			}
			for kind, call := range kinds {
				if kind != slow {
					require.NoError(t, call(), kind)
				}
			}
			close(release)
			waiting.Wait()
			require.Equal(t, 6, f.pm.PeakInFlight(slow), "three quarters of eight")
		})
	}
}

// TestALookSaysNothingToTheBreaker: reading a path keeps nobody from anything,
// however short the settings' time-out is.
func TestALookSaysNothingToTheBreaker(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pm.GoOffline()
	require.Error(t, f.client.Probe(context.Background()))
	require.NoError(t, f.pm.GoOnline())
	f.sign(t)

	f.pm.GoOffline()
	_, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.Error(t, err)
	f.clock.Advance(5 * time.Second)
	require.Error(t, f.client.Probe(context.Background()))
	require.Equal(t, client.HalfOpen, f.client.Condition().Breaker, "a failed look is no failed probe")
	require.NoError(t, f.pm.GoOnline())
	require.NoError(t, f.client.Probe(context.Background()))
	require.Equal(t, client.Closed, f.client.Condition().Breaker, "an answer shows that the instance is back")
}
