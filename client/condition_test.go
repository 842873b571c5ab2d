package client

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

func TestBreakerStates(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	var told []bool
	b := newBreaker(clk, func(open bool) { told = append(told, open) })
	state, _ := b.state()
	require.Equal(t, Closed, state)
	fail(t, b)
	state, until := b.state()
	require.Equal(t, Open, state)
	require.Equal(t, noon.Add(breakerFirstPause), until)
	clk.Advance(breakerFirstPause)
	state, _ = b.state()
	require.Equal(t, HalfOpen, state)
	fail(t, b)
	clk.Advance(time.Minute)
	settle, _, ok := b.admit()
	require.True(t, ok)
	settle(answered)
	state, _ = b.state()
	require.Equal(t, Closed, state)
	b.obey(clk.Now().Add(time.Minute))
	b.settleOrdinary(answered)
	require.Equal(t, []bool{true, false, true, false}, told, "changes, once each")
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
	_, err := b.wait(context.Background(), "test")
	require.NoError(t, err)
	require.Equal(t, 9, b.left())
	b.learn(http.StatusOK, header("X-RateLimit-Remaining", "3"))
	require.Equal(t, 3, b.left(), "others share the server's count")
	b.learn(http.StatusTooManyRequests, header("Retry-After", "30"))
	require.Equal(t, 0, b.left())
	clk.Advance(2 * budgetWindow)
	require.Equal(t, 10, b.left())
}

func TestAnswerLost(t *testing.T) {
	t.Parallel()
	for want, failures := range map[bool][]*Error{
		true: {
			{Kind: Unavailable},
			{Kind: Unavailable, Status: http.StatusBadGateway},
			{Kind: Unavailable, Status: http.StatusGatewayTimeout},
			{Kind: UnusableToken, Status: http.StatusOK},
			{Kind: NotProcessMaker, Status: http.StatusOK},
		},
		false: {
			{Kind: Unavailable, NotSent: true},
			{Kind: Unavailable, Status: http.StatusServiceUnavailable},
			{Kind: Unavailable, Status: http.StatusInternalServerError},
			{Kind: NotProcessMaker, Status: http.StatusFound},
			{Kind: GrantDead, Status: http.StatusBadRequest},
			{Kind: Throttled, Status: http.StatusTooManyRequests},
		},
	} {
		for _, failure := range failures {
			require.Equal(t, want, AnswerLost(failure), "%v", failure)
		}
	}
	require.False(t, AnswerLost(nil))
}

func TestCreatedTimeInBothForms(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 3, 1, 12, 0, 1, 0, time.UTC)
	require.Equal(t, want, createdTime("2026-03-01T12:00:01.000000Z"))
	require.Equal(t, want, createdTime("2026-03-01 12:00:01"))
	require.Zero(t, createdTime("yesterday"))
}
