package client

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// earliest is when a call of caller could be made that comes now.
func earliest(b *budget, caller Caller) time.Time {
	turn := &turn{caller: caller}
	b.enter(turn)
	defer b.leave(turn)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.expected(turn, b.clock.Now())
}

func TestBudgetNeverLetsMoreThanTheLimitIntoAMinute(t *testing.T) {
	t.Parallel()
	clk := clocktest.NewAuto(noon)
	b := newBudget(clk, 10)
	var calls []time.Time
	for len(calls) < 200 {
		if _, err := b.wait(context.Background(), "test", Caller{}); err == nil {
			calls = append(calls, clk.Now())
		} else {
			require.Equal(t, Throttled, KindOf(err))
		}
		clk.Advance(700 * time.Millisecond)
	}
	for i := 10; i < len(calls); i++ {
		require.Greater(t, calls[i].Sub(calls[i-10]), time.Minute)
	}
}

func TestBudgetFailsAtOnceWhenTheWaitIsLong(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBudget(clk, 2)
	for range 2 {
		_, err := b.wait(context.Background(), "test", Caller{})
		require.NoError(t, err)
	}
	_, err := b.wait(context.Background(), "test", Caller{})
	var failure *Error
	require.ErrorAs(t, err, &failure)
	require.True(t, CertainlyNotDone(err))
	require.Equal(t, noon.Add(budgetWindow), failure.RetryAt)
}

func TestBudgetQueuesInOrderOfArrival(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBudget(clk, 1)
	_, err := b.wait(context.Background(), "test", Caller{})
	require.NoError(t, err)
	clk.Advance(50 * time.Second)

	served := make(chan time.Time, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := b.wait(context.Background(), "test", Caller{}); err == nil {
			served <- clk.Now()
		}
	})
	clk.WaitForSleepers(1)
	// The second in line would come a minute after the first.
	_, err = b.wait(context.Background(), "test", Caller{})
	require.Equal(t, Throttled, KindOf(err))
	clk.Advance(11 * time.Second)
	wg.Wait()
	require.Equal(t, noon.Add(61*time.Second), <-served)
}

func TestBudgetTakesBackCallsThatWereNotMade(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBudget(clk, 1)
	for range 5 {
		takeBack, err := b.wait(context.Background(), "test", Caller{})
		require.NoError(t, err)
		takeBack()
	}
	_, err := b.wait(context.Background(), "test", Caller{})
	require.NoError(t, err)
	clk.Advance(50 * time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := b.wait(ctx, "test", Caller{})
		require.ErrorIs(t, err, context.Canceled)
	})
	clk.WaitForSleepers(1)
	cancel()
	wg.Wait()
	require.Len(t, b.spent, 1, "the place of the one who left is free again")
}

func TestBudgetObeysTheServer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		header http.Header
		wait   time.Duration
	}{
		"429 with seconds":         {429, header("Retry-After", "37"), 38 * time.Second},
		"429 at once":              {429, header("Retry-After", "0"), time.Second},
		"429 with a date":          {429, header("Retry-After", noon.Add(25*time.Second).Format(http.TimeFormat)), 26 * time.Second},
		"429 without a word":       {429, header(), budgetWindow},
		"429 with nonsense":        {429, header("Retry-After", "soon"), budgetWindow},
		"429 for ever":             {429, header("Retry-After", "999999999999"), 10 * time.Minute},
		"none remaining":           {200, header("X-RateLimit-Remaining", "0"), budgetWindow},
		"some remaining":           {200, header("X-RateLimit-Remaining", "1"), 0},
		"remaining is nonsense":    {200, header("X-RateLimit-Remaining", "-3"), 0},
		"no word about the limits": {200, header(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// No limit of our own: the server's word counts all the same.
			b := newBudget(clocktest.New(noon), 0)
			b.learn(test.status, test.header)
			require.Equal(t, noon.Add(test.wait), earliest(b, Caller{}))
		})
	}
}

func TestBudgetKnowsWhenTheServersMinuteBegan(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBudget(clk, 60)
	for remaining := 59; remaining >= 0; remaining-- {
		b.learn(200, header("X-RateLimit-Remaining", strconv.Itoa(remaining)))
		if remaining > 0 {
			clk.Advance(time.Second / 2)
		}
	}
	require.Equal(t, noon.Add(budgetWindow), earliest(b, Caller{}), "the window began with the first answer")

	clk.Advance(time.Minute)
	b.learn(200, header("X-RateLimit-Remaining", "59"))
	b.learn(200, header("X-RateLimit-Remaining", "0"))
	require.Equal(t, clk.Now().Add(budgetWindow), earliest(b, Caller{}), "a count that rose is a new window")
}

func TestBudgetWakesIntoABlock(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBudget(clk, 1)
	_, err := b.wait(context.Background(), "test", Caller{})
	require.NoError(t, err)
	clk.Advance(55 * time.Second)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := b.wait(context.Background(), "test", Caller{})
		require.Equal(t, Throttled, KindOf(err))
	})
	clk.WaitForSleepers(1)
	b.learn(429, header("Retry-After", "40"))
	clk.Advance(6 * time.Second)
	wg.Wait()
}

func TestNewSettingsForgetWhatTheServerAskedFor(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBudget(clk, 2)
	_, err := b.wait(context.Background(), "test", Caller{})
	require.NoError(t, err)
	b.learn(429, header("Retry-After", "3000"))
	b.setLimit(1)
	require.Equal(t, noon.Add(budgetWindow), earliest(b, Caller{}), "the call of this minute still counts")
}

func TestBudgetTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	free := newBudget(clk, 0)
	require.Equal(t, NoTokenLimit, free.left())
	free.learn(http.StatusOK, header("X-RateLimit-Remaining", "7"))
	require.Equal(t, 7, free.left(), "the server's own count")
	clk.Advance(2 * budgetWindow)
	require.Equal(t, NoTokenLimit, free.left())

	b := newBudget(clk, 10)
	require.Equal(t, 10, b.left())
	_, err := b.wait(context.Background(), "test", Caller{})
	require.NoError(t, err)
	require.Equal(t, 9, b.left())
	b.learn(http.StatusOK, header("X-RateLimit-Remaining", "3"))
	require.Equal(t, 3, b.left(), "others share the server's count")
	b.learn(http.StatusTooManyRequests, header("Retry-After", "30"))
	require.Equal(t, 0, b.left())
	clk.Advance(2 * budgetWindow)
	require.Equal(t, 10, b.left())
}
