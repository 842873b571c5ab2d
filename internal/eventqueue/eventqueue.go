// Package eventqueue keeps what is to be told to a host that may be slow, or may
// not want to hear it.
package eventqueue

import "sync"

const (
	// MostPending bounds what waits for a slow host.
	MostPending = 1024
	// MostRefused: a host that has refused so many, and taken none, is one that
	// knows no events.
	MostRefused = 3
)

// Queue holds events until one sender takes them. What it cannot hold is counted
// as dropped. The zero value is ready.
type Queue[Event any] struct {
	mu      sync.Mutex
	pending []Event
	running bool
	// silent: the host takes no events.
	silent  bool
	asked   bool // whether it does
	sent    bool
	dropped int64
}

// Add takes an event in and tells whether the caller has to start a sender.
func (q *Queue[Event]) Add(e Event) (start bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.silent:
		return false
	case len(q.pending) >= MostPending:
		q.dropped++
		return false
	}
	q.pending = append(q.pending, e)
	start = !q.running
	q.running = true
	return start
}

// Take returns what waits; nothing means that the sender has to end.
func (q *Queue[Event]) Take() []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.pending
	q.pending = nil
	q.running = len(taken) > 0
	return taken
}

// Settle takes down what became of one event. never tells that the host will
// not take another one either.
func (q *Queue[Event]) Settle(err error, never bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		q.sent = true
		return
	}
	q.dropped++
	if never || (!q.sent && q.dropped >= MostRefused) {
		q.fallSilent()
	}
}

// GiveUp drops what waits and takes no more.
func (q *Queue[Event]) GiveUp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fallSilent()
}

func (q *Queue[Event]) fallSilent() { q.silent, q.pending, q.dropped = true, nil, 0 }

// AskOnce finds out with the first call whether anybody listens at all.
func (q *Queue[Event]) AskOnce(anybodyListens func() bool) {
	q.mu.Lock()
	asked := q.asked
	q.asked = true
	q.mu.Unlock()
	if !asked && !anybodyListens() {
		q.GiveUp()
	}
}

// Dropped counts the events that a host which takes some did not get.
func (q *Queue[Event]) Dropped() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
