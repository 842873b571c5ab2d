package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

var errRefusedLogin = &client.Error{Kind: client.GrantDead, Operation: "password grant"}

func TestRefusedLoginsAreNotRepeated(t *testing.T) {
	t.Parallel()
	clk, gate := clocktest.New(noon), &loginGate{}
	for _, pause := range []time.Duration{5, 10, 20, 40, 60, 60} {
		settle, err := gate.enter(context.Background(), clk.Now)
		require.NoError(t, err)
		settle(errRefusedLogin)
		clk.Advance(pause*time.Second - 1)
		_, err = gate.enter(context.Background(), clk.Now)
		var remembered *rememberedRefusal
		require.ErrorAs(t, err, &remembered)
		require.Equal(t, client.GrantDead, client.KindOf(err))
		clk.Advance(1)
	}
	settle, err := gate.enter(context.Background(), clk.Now)
	require.NoError(t, err)
	settle(nil)
	settle, err = gate.enter(context.Background(), clk.Now)
	require.NoError(t, err)
	settle(errRefusedLogin)
	clk.Advance(5 * time.Second)
	_, err = gate.enter(context.Background(), clk.Now)
	require.NoError(t, err, "a success begins the pauses anew")
}

func TestManyUnprovedLoginsAreOne(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]error{"refused": errRefusedLogin, "works": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clk, gate := clocktest.New(noon), &loginGate{}
			var logins, refusals atomic.Int64
			first := make(chan struct{})
			settleFirst, err := gate.enter(context.Background(), clk.Now)
			require.NoError(t, err)
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					<-first
					settle, err := gate.enter(context.Background(), clk.Now)
					if err != nil {
						refusals.Add(1)
						return
					}
					logins.Add(1)
					settle(nil)
				})
			}
			close(first)
			settleFirst(outcome)
			wg.Wait()
			if outcome == nil {
				require.Equal(t, int64(50), logins.Load())
			} else {
				require.Equal(t, int64(50), refusals.Load())
			}
		})
	}
}

func TestTroubleOnTheWayIsNotARefusal(t *testing.T) {
	t.Parallel()
	clk, gate := clocktest.New(noon), &loginGate{}
	for range 10 {
		settle, err := gate.enter(context.Background(), clk.Now)
		require.NoError(t, err)
		settle(&client.Error{Kind: client.Unavailable})
	}
}

func TestWaitingForATrialEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	clk, gate := clocktest.New(noon), &loginGate{}
	_, err := gate.enter(context.Background(), clk.Now)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = gate.enter(ctx, clk.Now)
	require.True(t, errors.Is(err, context.Canceled))
}

func TestLoginsUnderWayAreRefusedOnce(t *testing.T) {
	t.Parallel()
	clk, gate := clocktest.New(noon), &loginGate{}
	settle, err := gate.enter(context.Background(), clk.Now)
	require.NoError(t, err)
	settle(nil)
	var settles []func(error)
	for range 10 {
		settle, err := gate.enter(context.Background(), clk.Now)
		require.NoError(t, err)
		settles = append(settles, settle)
	}
	for _, settle := range settles {
		settle(errRefusedLogin)
	}
	require.Equal(t, refusalFirstPause, gate.pause)
}
