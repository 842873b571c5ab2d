package eventqueue

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

var errRefused = errors.New("not now")

func TestOneSenderAtATime(t *testing.T) {
	t.Parallel()
	var q Queue[int]
	require.True(t, q.Add(1))
	require.False(t, q.Add(2), "one sends already")
	require.Equal(t, []int{1, 2}, q.Take())
	require.False(t, q.Add(3), "it comes back for more")
	require.Equal(t, []int{3}, q.Take())
	require.Empty(t, q.Take())
	require.True(t, q.Add(4), "the sender has ended")
}

func TestASlowHostCostsNoMoreThanTheQueue(t *testing.T) {
	t.Parallel()
	var q Queue[int]
	for i := range MostPending + 5 {
		q.Add(i)
	}
	require.Len(t, q.Take(), MostPending)
	require.EqualValues(t, 5, q.Dropped())
}

func TestAHostThatKnowsNoEventsIsLeftAlone(t *testing.T) {
	t.Parallel()
	var q Queue[int]
	for range MostRefused {
		q.Add(1)
		q.Settle(errRefused, false)
	}
	require.False(t, q.Add(1))
	require.Empty(t, q.Take())
	require.Zero(t, q.Dropped(), "nobody misses them")

	var atOnce Queue[int]
	atOnce.Settle(errRefused, true)
	require.False(t, atOnce.Add(1))
}

func TestAHostThatTookOneIsGivenMore(t *testing.T) {
	t.Parallel()
	var q Queue[int]
	q.Settle(nil, false)
	for range 10 * MostRefused {
		q.Settle(errRefused, false)
	}
	require.True(t, q.Add(1))
	require.EqualValues(t, 10*MostRefused, q.Dropped())
}

func TestTheHostIsAskedOnce(t *testing.T) {
	t.Parallel()
	var q Queue[int]
	asked := 0
	nobody := func() bool { asked++; return false }
	q.AskOnce(nobody)
	q.AskOnce(nobody)
	require.Equal(t, 1, asked)
	require.False(t, q.Add(1))
}
