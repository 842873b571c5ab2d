package telemetry

import "sync"

// mostPending bounds the events that wait for a slow host.
const mostPending = 1024

// queue holds events until one sender takes them. Events that it cannot hold are
// counted as dropped. The zero value is ready.
type queue struct {
	mu      sync.Mutex
	pending []event
	sending bool
	// asked: the edition of the host was looked at. silent: the host has no
	// subscribers.
	asked, silent bool
	dropped       int64
}

// add takes an event in and tells whether the caller has to start a sender.
func (q *queue) add(e event) (start bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.silent:
		return false
	case len(q.pending) >= mostPending:
		q.dropped++
		return false
	}
	q.pending = append(q.pending, e)
	start = !q.sending
	q.sending = true
	return start
}

// take returns the pending events; without any, the sender has to end.
func (q *queue) take() []event {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.pending
	q.pending = nil
	q.sending = len(taken) > 0
	return taken
}

func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped++
}

// silence drops the pending events and takes no more: nobody misses them.
func (q *queue) silence() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.silent, q.pending, q.dropped = true, nil, 0
}

// askOnce finds out with the first call whether the host has subscribers at all.
func (q *queue) askOnce(listens func() bool) {
	q.mu.Lock()
	asked := q.asked
	q.asked = true
	q.mu.Unlock()
	if !asked && !listens() {
		q.silence()
	}
}

// count is the number of events that a host with subscribers did not get.
func (q *queue) count() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
