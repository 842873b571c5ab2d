package client

import (
	"sync"
	"time"

	"vault-plugin-secrets-processmaker/internal/clock"
)

const (
	breakerFirstPause   = 5 * time.Second
	breakerLongestPause = 30 * time.Second
)

type verdict int

const (
	// answered: the server was reached, whatever it said.
	answered verdict = iota
	// unreachable: the exchange failed below HTTP.
	unreachable
	// unused: the exchange was never tried.
	unused
)

// breaker remembers that the instance could not be reached, so that callers
// are told at once instead of each waiting for a timeout. After the pause one
// exchange at a time probes whether it is back.
type breaker struct {
	clock clock.Clock
	// changed is told when the breaker opens and when it closes.
	changed func(open bool)

	mu        sync.Mutex
	pause     time.Duration // 0 while closed
	openUntil time.Time
	probing   bool
	// cause is why the instance was unreachable when it last was.
	cause string
}

func newBreaker(clk clock.Clock, changed func(open bool)) *breaker {
	if changed == nil {
		changed = func(bool) {}
	}
	return &breaker{clock: clk, changed: changed}
}

// State is what a breaker does with the next exchange.
type State string

const (
	// Closed: it is made.
	Closed State = "closed"
	// Open: it is answered without being made.
	Open State = "open"
	// HalfOpen: one at a time is made, to find out.
	HalfOpen State = "half_open"
)

func (b *breaker) state() (state State, openUntil time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.pause == 0:
		return Closed, time.Time{}
	case b.clock.Now().Before(b.openUntil):
		return Open, b.openUntil
	default:
		return HalfOpen, time.Time{}
	}
}

// change makes a change under the lock and tells of it without.
func (b *breaker) change(make func()) {
	b.mu.Lock()
	before := b.pause != 0
	make()
	after := b.pause != 0
	b.mu.Unlock()
	if before != after {
		b.changed(after)
	}
}

// admit asks for leave to make an exchange. Where it is refused, the second
// result says when to ask again. Otherwise settle must be called once with the
// exchange's verdict.
func (b *breaker) admit() (settle func(verdict), retryAt time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pause == 0 {
		return b.settleOrdinary, time.Time{}
	}
	now := b.clock.Now()
	if now.Before(b.openUntil) {
		return nil, b.openUntil
	}
	if b.probing {
		return nil, now.Add(time.Second)
	}
	b.probing = true
	return b.settleProbe, time.Time{}
}

// found records why the instance is unreachable. It opens nothing.
func (b *breaker) found(cause string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cause = cause
}

// why is the latest cause.
func (b *breaker) why() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cause
}

// refusal tells, without asking for leave, whether an exchange would be
// refused now, and until when.
func (b *breaker) refusal() (retryAt time.Time, refused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pause != 0 && b.clock.Now().Before(b.openUntil) {
		return b.openUntil, true
	}
	return time.Time{}, false
}

func (b *breaker) settleOrdinary(v verdict) {
	b.change(func() {
		switch {
		case v == answered:
			// Also while open: an answer proves that the server is there.
			b.close()
		case v == unreachable && b.pause == 0:
			// Failures of exchanges that were under way when the breaker
			// opened say nothing new, and must not lengthen the pause.
			b.open(breakerFirstPause)
		}
	})
}

func (b *breaker) settleProbe(v verdict) {
	b.change(func() {
		b.probing = false
		switch v {
		case answered:
			b.close()
		case unreachable:
			b.open(min(2*max(b.pause, breakerFirstPause), breakerLongestPause))
		}
	})
}

func (b *breaker) close() { b.pause, b.openUntil = 0, time.Time{} }

func (b *breaker) open(pause time.Duration) {
	b.pause, b.openUntil = pause, b.clock.Now().Add(pause)
}

// obey keeps the breaker open until the time a server asked for, if that is to
// come.
func (b *breaker) obey(until time.Time) {
	b.change(func() {
		if until.After(b.openUntil) && until.After(b.clock.Now()) {
			b.pause, b.openUntil = max(b.pause, breakerFirstPause), until
		}
	})
}
