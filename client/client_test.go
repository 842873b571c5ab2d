package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type fixture struct {
	pm     *processmakertest.Server
	client *client.Client
	clock  *clocktest.Clock
	auth   client.AuthClient
	login  client.Login
}

func configFor(t *testing.T, address string) client.Config {
	t.Helper()
	base, err := url.Parse(address)
	require.NoError(t, err)
	return client.Config{BaseURL: base, RequestTimeout: 10 * time.Second, MaxConcurrentRequests: 8, UserAgent: "test/1"}
}

func newFixture(t *testing.T, change ...func(*processmakertest.Config)) *fixture {
	t.Helper()
	f := &fixture{clock: clocktest.NewAuto(noon)}
	cfg := processmakertest.Config{Clock: f.clock.Now}
	for _, c := range change {
		c(&cfg)
	}
	pm, err := processmakertest.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(pm.Close)
	f.pm = pm
	clientConfig := configFor(t, pm.URL())
	clientConfig.CACert = pm.CACertPEM()
	f.client, err = client.New(clientConfig, f.clock)
	require.NoError(t, err)
	t.Cleanup(f.client.Close)
	f.auth = client.AuthClient{ID: "3", Secret: pm.Client(3).Secret}
	f.login = client.Login{Username: "alice", Password: pm.User("alice").Password}
	return f
}

func (f *fixture) sign(t *testing.T) *client.Grant {
	t.Helper()
	grant, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.NoError(t, err)
	return grant
}

func TestGrantsInBothClientAuthenticationMethods(t *testing.T) {
	t.Parallel()
	for _, method := range []client.AuthMethod{client.ClientSecretPost, client.ClientSecretBasic} {
		f := newFixture(t)
		f.auth.Method = method
		first := f.sign(t)
		require.Equal(t, "2", first.Access.UserID)
		require.Equal(t, noon, first.Access.ReceivedAt)
		second, err := f.client.RefreshGrant(context.Background(), f.auth, first.Refresh)
		require.NoError(t, err)
		require.NotEqual(t, first.Access.ID, second.Access.ID)
		require.NotEqual(t, first.Refresh, second.Refresh)
		for _, exchange := range f.pm.Exchanges() {
			require.Equal(t, method == client.ClientSecretBasic, exchange.BasicAuth)
			require.Equal(t, "application/x-www-form-urlencoded", exchange.ContentType)
			require.Equal(t, "application/json", exchange.Accept)
			require.Equal(t, "test/1", exchange.UserAgent)
		}
	}
}

func TestScopesAreSentOnlyIfSet(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.login.Scopes = []string{"*"}
	f.sign(t)
	f.login.Scopes = []string{"unknown"}
	_, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.Equal(t, client.ScopeRefused, client.KindOf(err))
}

func TestLeague9(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *processmakertest.Config) { c.League9 = true })
	grant := f.sign(t)
	_, err := f.client.RefreshGrant(context.Background(), f.auth, grant.Refresh)
	require.NoError(t, err)
	_, err = f.client.RefreshGrant(context.Background(), f.auth, grant.Refresh)
	require.Equal(t, client.GrantDead, client.KindOf(err))
}

func TestADeadRefreshTokenIsNotABadRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.client.RefreshGrant(context.Background(), f.auth, "def50200")
	require.Equal(t, client.GrantDead, client.KindOf(err))
	_, err = f.client.RefreshGrant(context.Background(), f.auth, "")
	require.Error(t, err)
	f.auth.Secret = "wrong"
	_, err = f.client.RefreshGrant(context.Background(), f.auth, "def50200")
	require.Equal(t, client.ClientRefused, client.KindOf(err))
	require.True(t, client.RefusedWithoutUse(err))
}

func TestTokenAlive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	grant := f.sign(t)
	alive, err := f.client.TokenAlive(context.Background(), grant.Access)
	require.NoError(t, err)
	require.True(t, alive)
	require.NoError(t, f.client.RevokeToken(context.Background(), grant.Access))
	alive, err = f.client.TokenAlive(context.Background(), grant.Access)
	require.NoError(t, err)
	require.False(t, alive)
}

func TestAYoungTokensQuestionThatRunsOutOfTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	grant := f.sign(t)
	require.NoError(t, f.client.RevokeToken(context.Background(), grant.Access))
	// The clock stands still, so the token stays young.
	still, err := client.New(configFor(t, f.pm.URL()), clocktest.New(noon))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	f.pm.Inject(processmakertest.Fault{On: processmakertest.ShowToken, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		cancel()
		return status, body
	})})
	_, err = still.TokenAlive(ctx, grant.Access)
	require.ErrorContains(t, err, "no time to ask again")
}

func TestTheBreakerAnswersForAnUnreachableInstance(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	grant := f.sign(t)
	f.pm.GoOffline()
	f.client.Close()
	_, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.True(t, client.CertainlyNotDelivered(err))
	require.ErrorContains(t, err, "connection refused")
	require.NoError(t, f.pm.GoOnline())
	f.pm.ResetLog()

	_, err = f.client.PasswordGrant(context.Background(), f.auth, f.login)
	var failure *client.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, client.Unavailable, failure.Kind)
	require.True(t, failure.NotSent)
	require.Equal(t, noon.Add(5*time.Second), failure.RetryAt)
	require.Zero(t, f.pm.Count())

	// The question that decides a token's fate passes, and its answer shows
	// everybody that the instance is back.
	alive, err := f.client.TokenAlive(context.Background(), grant.Access)
	require.NoError(t, err)
	require.True(t, alive)
	f.sign(t)
}

func TestMaintenanceIsObeyed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Do: processmakertest.Maintenance(60)})
	_, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.Equal(t, client.Unavailable, client.KindOf(err))
	_, err = f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.True(t, client.CertainlyNotDelivered(err))
	require.Equal(t, 1, f.pm.Count())
	f.clock.Advance(time.Minute)
	f.sign(t)
}

func TestMaintenanceThatGoesOnIsToldOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var told []bool
	cfg := configFor(t, f.pm.URL())
	cfg.ReachabilityChanged = func(unreachable bool) { told = append(told, unreachable) }
	var err error
	f.client, err = client.New(cfg, f.clock)
	require.NoError(t, err)
	remove := f.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: -1, Do: processmakertest.Maintenance(60)})
	for range 3 {
		_, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
		require.Error(t, err)
		f.clock.Advance(time.Minute)
	}
	remove()
	f.sign(t)
	require.Equal(t, []bool{true, false}, told)
}

func TestTheBudgetKeepsClearOfTheThrottle(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *processmakertest.Config) { c.TokenRequestsPerMinute = 60 })
	cfg := configFor(t, f.pm.URL())
	cfg.TokenRequestsPerMinute = 60
	var err error
	f.client, err = client.New(cfg, f.clock)
	require.NoError(t, err)
	made, refused := 0, 0
	for range 300 {
		if _, err := f.client.PasswordGrant(context.Background(), f.auth, f.login); err == nil {
			made++
		} else {
			require.Equal(t, client.Throttled, client.KindOf(err))
			refused++
		}
		f.clock.Advance(300 * time.Millisecond)
	}
	require.Equal(t, made, f.pm.Count(), "no call met the server's own limit")
	require.Positive(t, refused)
	require.GreaterOrEqual(t, made, 60)

	// New settings do not spend the same minute's calls again.
	next, err := client.New(cfg, f.clock)
	require.NoError(t, err)
	next.Inherit(f.client)
	for range 120 {
		_, _ = next.PasswordGrant(context.Background(), f.auth, f.login)
	}
	for _, exchange := range f.pm.Exchanges() {
		require.NotEqual(t, http.StatusTooManyRequests, exchange.Status)
	}
}

func TestOthersMaySpendTheSameBudget(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *processmakertest.Config) { c.TokenRequestsPerMinute = 3 })
	f.sign(t)
	f.sign(t)
	f.sign(t)
	before := f.pm.Count()
	_, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.Equal(t, client.Throttled, client.KindOf(err))
	require.Equal(t, before, f.pm.Count(), "the server had said that none remain")
}

func TestACallerWhoLeavesStopsWaitingButNotWhatWasSent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cfg := configFor(t, f.pm.URL())
	cfg.MaxConcurrentRequests = 2
	var err error
	f.client, err = client.New(cfg, f.clock)
	require.NoError(t, err)
	release := make(chan struct{})
	arrived := make(chan struct{}, 2)
	f.pm.Inject(processmakertest.Fault{
		On: processmakertest.PasswordGrant, Times: 2, Do: processmakertest.HoldAnswer(release),
		Match: func(*http.Request) bool { arrived <- struct{}{}; return true },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := f.client.PasswordGrant(ctx, f.auth, f.login); err != nil {
				t.Errorf("a call that was sent is waited for: %s", err)
			}
		})
	}
	<-arrived
	<-arrived
	wg.Go(func() {
		_, err := f.client.PasswordGrant(ctx, f.auth, f.login)
		if !client.CertainlyNotDelivered(err) {
			t.Errorf("%v", err)
		}
	})
	cancel()
	close(release)
	wg.Wait()
	require.Equal(t, 2, f.pm.Count())
}

func TestEveryKindHasAName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for kind := client.GrantDead; kind <= client.PasswordRefused; kind++ {
		require.False(t, seen[kind.String()], kind.String())
		seen[kind.String()] = true
	}
	require.Equal(t, "unknown failure", client.Kind(0).String())
	require.Zero(t, client.KindOf(errors.New("another")))
}

func TestCallsThatDidNotArriveCostNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cfg := configFor(t, f.pm.URL())
	cfg.TokenRequestsPerMinute = 1
	c, err := client.New(cfg, f.clock)
	require.NoError(t, err)
	f.pm.GoOffline()
	_, err = c.PasswordGrant(context.Background(), f.auth, f.login)
	require.True(t, client.CertainlyNotDelivered(err))
	require.NoError(t, f.pm.GoOnline())
	f.clock.Advance(5 * time.Second)
	_, err = c.PasswordGrant(context.Background(), f.auth, f.login)
	require.NoError(t, err)
}
