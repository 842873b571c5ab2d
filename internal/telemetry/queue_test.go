package telemetry

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneSenderAtATime(t *testing.T) {
	t.Parallel()
	var q queue
	require.True(t, q.add(event{kind: "1"}))
	require.False(t, q.add(event{kind: "2"}), "one sends already")
	require.Equal(t, []event{{kind: "1"}, {kind: "2"}}, q.take())
	require.False(t, q.add(event{kind: "3"}), "it comes back for more")
	require.Equal(t, []event{{kind: "3"}}, q.take())
	require.Empty(t, q.take())
	require.True(t, q.add(event{kind: "4"}), "the sender has ended")
}

func TestASlowHostCostsNoMoreThanTheQueue(t *testing.T) {
	t.Parallel()
	var q queue
	for range mostPending + 5 {
		q.add(event{})
	}
	require.Len(t, q.take(), mostPending)
	require.EqualValues(t, 5, q.count())
}

func TestAHostWithoutSubscribersIsLeftAlone(t *testing.T) {
	t.Parallel()
	var q queue
	q.drop()
	q.silence()
	require.False(t, q.add(event{}))
	require.Empty(t, q.take())
	require.Zero(t, q.count(), "nobody misses them")
}

func TestTheHostIsAskedOnce(t *testing.T) {
	t.Parallel()
	var q queue
	asked := 0
	nobody := func() bool { asked++; return false }
	q.askOnce(nobody)
	q.askOnce(nobody)
	require.Equal(t, 1, asked)
	require.False(t, q.add(event{}))
}
