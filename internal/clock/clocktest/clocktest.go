// Package clocktest provides a clock that only tests move.
package clocktest

import (
	"context"
	"sync"
	"time"
)

// Clock stands still until it is moved. It is safe for concurrent use.
type Clock struct {
	mu       sync.Mutex
	now      time.Time
	sleepers map[chan struct{}]time.Time
	asleep   *sync.Cond
	auto     bool
	slept    []time.Duration
}

// New returns a clock that stands at start.
func New(start time.Time) *Clock {
	c := &Clock{now: start, sleepers: map[chan struct{}]time.Time{}}
	c.asleep = sync.NewCond(&c.mu)
	return c
}

// NewAuto returns a clock on which every Sleep moves the time by the duration
// asked for and returns at once.
func NewAuto(start time.Time) *Clock {
	c := New(start)
	c.auto = true
	return c
}

// Now tells the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the time by d, which may be negative, and wakes who waited
// for that.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(d)
}

func (c *Clock) advance(d time.Duration) {
	c.now = c.now.Add(d)
	for wake, at := range c.sleepers {
		if !at.After(c.now) {
			delete(c.sleepers, wake)
			close(wake)
		}
	}
}

// Sleep implements the waiting half of a clock.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	c.mu.Lock()
	c.slept = append(c.slept, d)
	if c.auto {
		c.advance(d)
		c.mu.Unlock()
		return nil
	}
	wake := make(chan struct{})
	c.sleepers[wake] = c.now.Add(d)
	c.asleep.Broadcast()
	c.mu.Unlock()

	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.sleepers, wake)
		c.mu.Unlock()
		return ctx.Err()
	}
}

// WaitForSleepers returns once at least n callers wait in Sleep.
func (c *Clock) WaitForSleepers(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.sleepers) < n {
		c.asleep.Wait()
	}
}

// Slept lists how long each call of Sleep asked to wait, in order.
func (c *Clock) Slept() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.slept...)
}
