package keylock

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneHolderAName(t *testing.T) {
	t.Parallel()
	locks, counters := New(), map[string]*int{"a": new(int), "b": new(int)}
	var wg sync.WaitGroup
	for range 200 {
		for name, counter := range counters {
			wg.Go(func() {
				unlock, err := locks.Lock(context.Background(), name)
				if err == nil {
					*counter++
					unlock()
				}
			})
		}
	}
	wg.Wait()
	require.Equal(t, 200, *counters["a"])
	require.Equal(t, 200, *counters["b"])
	require.Zero(t, locks.InUse())
}

func TestNamesDoNotShareALock(t *testing.T) {
	t.Parallel()
	locks := New()
	unlockA, err := locks.Lock(context.Background(), "a")
	require.NoError(t, err)
	unlockB, err := locks.Lock(context.Background(), "b")
	require.NoError(t, err)
	unlockA()
	unlockB()
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	locks := New()
	unlock, err := locks.Lock(context.Background(), "a")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = locks.Lock(ctx, "a")
	require.ErrorIs(t, err, context.Canceled)
	unlock()
	require.Zero(t, locks.InUse())
}
