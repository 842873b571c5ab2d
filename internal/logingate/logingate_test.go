package logingate

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

var (
	errRefused = errors.New("wrong password")
	noon       = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func TestRefusedLoginsAreNotRepeated(t *testing.T) {
	t.Parallel()
	clk, gate := clocktest.New(noon), &Gate{}
	for _, pause := range []time.Duration{5, 10, 20, 40, 60, 60} {
		settle, err := gate.Enter(context.Background(), clk.Now)
		require.NoError(t, err)
		settle(errRefused, Refused)
		clk.Advance(pause*time.Second - 1)
		_, err = gate.Enter(context.Background(), clk.Now)
		var remembered *Remembered
		require.ErrorAs(t, err, &remembered)
		require.ErrorIs(t, err, errRefused)
		clk.Advance(1)
	}
	settle, err := gate.Enter(context.Background(), clk.Now)
	require.NoError(t, err)
	settle(nil, Trouble)
	settle, err = gate.Enter(context.Background(), clk.Now)
	require.NoError(t, err)
	settle(errRefused, Refused)
	clk.Advance(5 * time.Second)
	_, err = gate.Enter(context.Background(), clk.Now)
	require.NoError(t, err, "a success begins the pauses anew")
}

func TestManyUnprovedLoginsAreOne(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]error{"refused": errRefused, "works": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clk, gate := clocktest.New(noon), &Gate{}
			var logins, refusals atomic.Int64
			first := make(chan struct{})
			settleFirst, err := gate.Enter(context.Background(), clk.Now)
			require.NoError(t, err)
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					<-first
					settle, err := gate.Enter(context.Background(), clk.Now)
					if err != nil {
						refusals.Add(1)
						return
					}
					logins.Add(1)
					settle(nil, Trouble)
				})
			}
			close(first)
			settleFirst(outcome, Refused)
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
	clk, gate := clocktest.New(noon), &Gate{}
	for range 10 {
		settle, err := gate.Enter(context.Background(), clk.Now)
		require.NoError(t, err)
		settle(errors.New("no route to host"), Trouble)
	}
}

func TestWaitingForATrialEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	clk, gate := clocktest.New(noon), &Gate{}
	_, err := gate.Enter(context.Background(), clk.Now)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = gate.Enter(ctx, clk.Now)
	require.True(t, errors.Is(err, context.Canceled))
}

func TestLoginsUnderWayAreRefusedOnce(t *testing.T) {
	t.Parallel()
	clk, gate := clocktest.New(noon), &Gate{}
	settle, err := gate.Enter(context.Background(), clk.Now)
	require.NoError(t, err)
	settle(nil, Trouble)
	var settles []Settle
	for range 10 {
		settle, err := gate.Enter(context.Background(), clk.Now)
		require.NoError(t, err)
		settles = append(settles, settle)
	}
	for _, settle := range settles {
		settle(errRefused, Refused)
	}
	require.Equal(t, firstPause, gate.pause)
}

func TestARejectionIsKeptApartFromTheLogin(t *testing.T) {
	t.Parallel()
	clk, gate := clocktest.New(noon), &Gate{}
	require.NoError(t, gate.Rejected(noon))
	gate.Reject(errRefused, noon)
	require.ErrorIs(t, gate.Rejected(noon), errRefused)
	settle, err := gate.Enter(context.Background(), clk.Now)
	require.NoError(t, err, "the login is not refused")
	settle(nil, Trouble)
	require.ErrorIs(t, gate.Rejected(noon.Add(LongestPause-1)), errRefused)
	require.NoError(t, gate.Rejected(noon.Add(LongestPause)))
	gate.Reject(errRefused, noon)
	gate.Accept()
	require.NoError(t, gate.Rejected(noon))
}

func TestLostAnswersInARowAreNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	clk, gate, errLost := clocktest.New(noon), &Gate{}, errors.New("HTTP 500")
	lose := func() {
		settle, err := gate.Enter(context.Background(), clk.Now)
		require.NoError(t, err)
		settle(errLost, Lost)
	}
	lose()
	for _, pause := range []time.Duration{10, 20, 30, 30} { // the first is no reason to wait
		lose()
		clk.Advance(pause*time.Second - 1)
		_, err := gate.Enter(context.Background(), clk.Now)
		require.ErrorIs(t, err, errLost)
		clk.Advance(1)
	}
	settle, err := gate.Enter(context.Background(), clk.Now)
	require.NoError(t, err)
	settle(nil, Trouble)
	lose()
	_, err = gate.Enter(context.Background(), clk.Now)
	require.NoError(t, err, "a success begins anew")
}

// What is kept in memory is in proportion to the logins of the last minutes.
func TestGuessesForgetWhatIsOver(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	var guesses Guesses
	for i := range 10_000 {
		settle, err := guesses.Of(strconv.Itoa(i), clk.Now()).Enter(t.Context(), clk.Now)
		require.NoError(t, err)
		settle(errRefused, Refused)
		clk.Advance(time.Second)
	}
	require.Less(t, guesses.Len(), 1_000)
	_, err := guesses.Of(strconv.Itoa(9_999), clk.Now()).Enter(t.Context(), clk.Now)
	require.ErrorIs(t, err, errRefused)
}

// One password that was right says nothing of those that are typed next.
func TestGuessesAreTriedOneAtATime(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	var guesses Guesses
	gate := guesses.Of("alice", clk.Now())
	settle, err := gate.Enter(t.Context(), clk.Now)
	require.NoError(t, err)
	settle(nil, Trouble)
	_, err = gate.Enter(t.Context(), clk.Now)
	require.NoError(t, err)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = gate.Enter(gone, clk.Now)
	require.ErrorIs(t, err, context.Canceled)
}
