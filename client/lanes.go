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
	// granting is for token calls, and creating for personal access tokens that are made: in the
	// foreground as well, but where one kind takes long it leaves a quarter of the room to others.
	granting
	creating
	// background is for revocations and clean-up. Vault sends up to 180
	// revocations at once; they get half of the room, so that they cannot
	// starve the issuing of credentials.
	background
	// listing is for token lists. They may take a minute each, and get half of
	// the background's room, so that they cannot hold revocations up.
	listing
)

// isWaitedFor tells whether somebody waits for the lane's exchanges.
func (l lane) isWaitedFor() bool { return l != background && l != listing }

type lanes struct {
	all        *semaphore.Weighted
	granting   *semaphore.Weighted
	creating   *semaphore.Weighted
	background *semaphore.Weighted
	listing    *semaphore.Weighted
}

func newLanes(maxConcurrent int) *lanes {
	ofOneKind := int64(max(maxConcurrent*3/4, 1))
	return &lanes{
		all:        semaphore.NewWeighted(int64(maxConcurrent)),
		granting:   semaphore.NewWeighted(ofOneKind),
		creating:   semaphore.NewWeighted(ofOneKind),
		background: semaphore.NewWeighted(int64(maxConcurrent / 2)),
		listing:    semaphore.NewWeighted(int64(max(maxConcurrent/4, 1))),
	}
}

// rooms are those that an exchange of a lane needs one place of each.
func (l *lanes) rooms(lane lane) []*semaphore.Weighted {
	switch lane {
	case granting:
		return []*semaphore.Weighted{l.granting, l.all}
	case creating:
		return []*semaphore.Weighted{l.creating, l.all}
	case listing:
		return []*semaphore.Weighted{l.listing, l.background, l.all}
	case background:
		return []*semaphore.Weighted{l.background, l.all}
	default:
		return []*semaphore.Weighted{l.all}
	}
}

// acquire waits for room in the lane, first come first served, until ctx is
// done. The returned function gives the room back.
func (l *lanes) acquire(ctx context.Context, lane lane) (release func(), err error) {
	rooms := l.rooms(lane)
	leave := func(entered []*semaphore.Weighted) {
		for _, room := range entered {
			room.Release(1)
		}
	}
	for i, room := range rooms {
		if err := room.Acquire(ctx, 1); err != nil {
			leave(rooms[:i])
			return nil, err
		}
	}
	return func() { leave(rooms) }, nil
}
