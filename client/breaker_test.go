package client

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

func fail(t *testing.T, b *breaker) {
	t.Helper()
	settle, _, ok := b.admitted()
	require.True(t, ok)
	settle(unreachable)
}

// admitted is admit with a word of its own for leave.
func (b *breaker) admitted() (settle func(verdict), retryAt time.Time, ok bool) {
	settle, retryAt = b.admit()
	return settle, retryAt, settle != nil
}

func TestBreakerPausesGrowToHalfAMinute(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBreaker(clk, nil)
	for _, pause := range []time.Duration{5, 10, 20, 30, 30} {
		fail(t, b)
		_, retryAt, ok := b.admitted()
		require.False(t, ok)
		require.Equal(t, pause*time.Second, retryAt.Sub(clk.Now()))
		clk.Advance(pause*time.Second - 1)
		_, _, ok = b.admitted()
		require.False(t, ok)
		clk.Advance(1)
	}
}

func TestBreakerProbesOneAtATime(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBreaker(clk, nil)
	fail(t, b)
	clk.Advance(5 * time.Second)
	settle, _, ok := b.admitted()
	require.True(t, ok)
	_, _, ok = b.admitted()
	require.False(t, ok, "one probe is enough")
	settle(unused)
	settle, _, ok = b.admitted()
	require.True(t, ok, "a probe that was not made leaves its place")
	settle(answered)
	_, _, ok = b.admitted()
	require.True(t, ok)
	_, _, ok = b.admitted()
	require.True(t, ok, "closed: everybody passes")
}

func TestBreakerCountsOneOutageOnce(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBreaker(clk, nil)
	var settles []func(verdict)
	for range 10 {
		settle, _, ok := b.admitted()
		require.True(t, ok)
		settles = append(settles, settle)
	}
	for _, settle := range settles {
		settle(unreachable)
	}
	retryAt, refused := b.refusal()
	require.True(t, refused)
	require.Equal(t, noon.Add(breakerFirstPause), retryAt)
}

func TestBreakerClosesOnAnyAnswer(t *testing.T) {
	t.Parallel()
	b := newBreaker(clocktest.New(noon), nil)
	slow, _, ok := b.admitted()
	require.True(t, ok)
	fail(t, b)
	slow(answered)
	_, refused := b.refusal()
	require.False(t, refused)
}

func TestBreakerObeysRetryAfter(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBreaker(clk, nil)
	b.obey(noon.Add(2 * time.Minute))
	retryAt, refused := b.refusal()
	require.True(t, refused)
	require.Equal(t, noon.Add(2*time.Minute), retryAt)
	b.obey(time.Time{})
	retryAt, _ = b.refusal()
	require.Equal(t, noon.Add(2*time.Minute), retryAt)
}

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
	settle, _, ok := b.admitted()
	require.True(t, ok)
	settle(answered)
	state, _ = b.state()
	require.Equal(t, Closed, state)
	b.obey(clk.Now().Add(time.Minute))
	b.settleOrdinary(answered)
	require.Equal(t, []bool{true, false, true, false}, told, "changes, once each")
}
