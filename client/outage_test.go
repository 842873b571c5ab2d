package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestTheBreakerAnswersForAnUnreachableInstance(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	grant := f.sign(t)
	f.pm.GoOffline()
	f.client.Close()
	_, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.True(t, client.CertainlyNotDone(err))
	require.ErrorContains(t, err, "connection refused")
	require.NoError(t, f.pm.GoOnline())
	f.pm.ResetLog()

	_, err = f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
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
	_, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.Equal(t, client.Unavailable, client.KindOf(err))
	_, err = f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.True(t, client.CertainlyNotDone(err))
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
		_, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
		require.Error(t, err)
		f.clock.Advance(time.Minute)
	}
	remove()
	f.sign(t)
	require.Equal(t, []bool{true, false}, told)
}
