package client_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestACallerWhoLeavesStopsWaitingButNotWhatWasSent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cfg := configFor(t, f.pm.URL())
	cfg.MaxConcurrentRequests = 3 // of which token calls have two
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
			if _, err := f.client.For(ci).PasswordGrant(ctx, f.auth, f.login); err != nil {
				t.Errorf("a call that was sent is waited for: %s", err)
			}
		})
	}
	<-arrived
	<-arrived
	wg.Go(func() {
		_, err := f.client.For(ci).PasswordGrant(ctx, f.auth, f.login)
		if !client.CertainlyNotDone(err) {
			t.Errorf("%v", err)
		}
	})
	cancel()
	close(release)
	wg.Wait()
	require.Equal(t, 2, f.pm.Count())
}
