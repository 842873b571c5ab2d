package client

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// lane says which share of the instance an exchange may take.
type lane int

const (
	// foreground is for exchanges that somebody waits for.
	foreground lane = iota
	// background is for revocations and clean-up. Vault sends up to 180
	// revocations at once; they get half of the room, so that they cannot
	// starve the issuing of credentials.
	background
)

type lanes struct {
	all        *semaphore.Weighted
	background *semaphore.Weighted
}

func newLanes(maxConcurrent int) *lanes {
	return &lanes{
		all:        semaphore.NewWeighted(int64(maxConcurrent)),
		background: semaphore.NewWeighted(int64(maxConcurrent / 2)),
	}
}

// acquire waits for room in the lane, first come first served, until ctx is
// done. The returned function gives the room back.
func (l *lanes) acquire(ctx context.Context, lane lane) (release func(), err error) {
	if lane == background {
		if err := l.background.Acquire(ctx, 1); err != nil {
			return nil, err
		}
	}
	if err := l.all.Acquire(ctx, 1); err != nil {
		if lane == background {
			l.background.Release(1)
		}
		return nil, err
	}
	return func() {
		l.all.Release(1)
		if lane == background {
			l.background.Release(1)
		}
	}, nil
}
