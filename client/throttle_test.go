package client_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

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
		if _, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login); err == nil {
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
		_, _ = next.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
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
	_, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.Equal(t, client.Throttled, client.KindOf(err))
	require.Equal(t, before, f.pm.Count(), "the server had said that none remain")
}

func TestCallsThatDidNotArriveCostNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cfg := configFor(t, f.pm.URL())
	cfg.TokenRequestsPerMinute = 1
	c, err := client.New(cfg, f.clock)
	require.NoError(t, err)
	f.pm.GoOffline()
	_, err = c.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.True(t, client.CertainlyNotDone(err))
	require.NoError(t, f.pm.GoOnline())
	f.clock.Advance(5 * time.Second)
	_, err = c.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.NoError(t, err)
}
