package client_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

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

// Something in between may answer 200 to anything.
func TestALookUpIsBelievedOnlyOfTheToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	token := f.sign(t).Access
	for _, body := range []string{`{}`, `[]`, `null`, `{"status":"ok"}`, `{"id":7}`, `{"id":"another"}`, `<html>`} {
		f.pm.Inject(fault(processmakertest.ShowToken, jsonAnswer(200, body)))
		_, err := f.client.TokenAlive(context.Background(), token)
		require.Equal(t, client.NotProcessMaker, client.KindOf(err), body)
	}
}
