// Package logingate spares a server logins that are known to fail.
package logingate

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	firstPause = 5 * time.Second
	// LongestPause is the longest that a refusal is remembered.
	LongestPause = time.Minute
	// firstLull and longestLull are the same for lost answers.
	firstLull   = 10 * time.Second
	longestLull = 30 * time.Second
)

// Outcome is what a login that failed says of the next one.
type Outcome int

const (
	// Trouble on the way says nothing.
	Trouble Outcome = iota
	// Refused: the same login would be refused again.
	Refused
	// Lost: it may have been carried out, so that each further try may leave a token behind. Readers
	// who come back at once are not to make many of one: the second in a row is remembered.
	Lost
)

// Gate stands before one login. A refused login is remembered for a while that doubles with each
// further refusal, and so is one whose answers are lost. While the login is unproved, one caller at a time tries it and the others wait:
// a wrong password costs one call, however many they are. The zero value is an unproved login.
type Gate struct {
	mu sync.Mutex
	// typed: the password is a caller's, so that a login that was accepted proves nothing of the next.
	typed   bool
	proved  bool
	trial   chan struct{} // closed when the trial under way ends; nil if none
	lost    bool          // the last login's answer was
	refused error
	until   time.Time
	pause   time.Duration
	// rejection is apart from refused: a session may be rejected whose login holds, and vice versa.
	rejection *Remembered
}

// Remembered is the answer to a login that was not tried.
type Remembered struct {
	// Refusal is what the last try was answered.
	Refusal error
	// Until is when the next one is made.
	Until time.Time
	// Typed: the login is one of Guesses.
	Typed bool
}

func (r *Remembered) Error() string { return r.Refusal.Error() }

func (r *Remembered) Unwrap() error { return r.Refusal }

// Settle records the outcome of a login, which is looked at where err is not nil.
type Settle func(err error, outcome Outcome)

// Enter asks to log in; on success settle is called once. Errors are Remembered and the end of ctx.
func (g *Gate) Enter(ctx context.Context, now func() time.Time) (settle Settle, err error) {
	for {
		g.mu.Lock()
		switch {
		case now().Before(g.until):
			defer g.mu.Unlock()
			return nil, &Remembered{Refusal: g.refused, Until: g.until, Typed: g.typed}
		case g.proved:
			defer g.mu.Unlock()
			return func(err error, outcome Outcome) { g.settle(false, err, outcome, now()) }, nil
		case g.trial == nil:
			defer g.mu.Unlock()
			g.trial = make(chan struct{})
			return func(err error, outcome Outcome) { g.settle(true, err, outcome, now()) }, nil
		}
		trial := g.trial
		g.mu.Unlock()
		select {
		case <-trial:
		case <-ctx.Done():
			return nil, fmt.Errorf("gave up waiting for the first login of the role: %w", ctx.Err())
		}
	}
}

// RefusedUntil is when a refused login is tried again; zero where none is remembered.
func (g *Gate) RefusedUntil() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until
}

// Reject remembers for LongestPause that the tokens of an accepted login are of no use.
func (g *Gate) Reject(err error, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rejection = &Remembered{Refusal: err, Until: now.Add(LongestPause)}
}

// Rejected is what Reject remembers, as a Remembered; nil where it remembers nothing.
func (g *Gate) Rejected(now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rejection == nil || !now.Before(g.rejection.Until) {
		return nil
	}
	return g.rejection
}

// Accept forgets what Reject remembers: there are other tokens.
func (g *Gate) Accept() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rejection = nil
}

func (g *Gate) settle(onTrial bool, err error, outcome Outcome, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if onTrial {
		close(g.trial)
		g.trial = nil
	}
	switch {
	case err == nil:
		g.proved, g.lost, g.pause, g.refused, g.until = !g.typed, false, 0, nil, time.Time{}
	case outcome == Trouble:
	case now.Before(g.until):
		// Logins under way at the same time are one refusal, not many.
	case outcome == Lost && !g.lost:
		g.lost = true
	default:
		first, longest := firstPause, LongestPause
		if outcome == Lost {
			first, longest = firstLull, longestLull
		}
		g.proved, g.lost = false, outcome == Lost
		g.pause = min(max(2*g.pause, first), longest)
		g.refused, g.until = err, now.Add(g.pause)
	}
}
