package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vault-plugin-secrets-processmaker/client"
)

const (
	refusalFirstPause   = 5 * time.Second
	refusalLongestPause = time.Minute
)

// loginGate spares ProcessMaker logins that are known to fail. A refused login
// is remembered for a while that doubles with each further refusal. While a
// role's login is unproved, one login at a time tries it and the others wait
// to learn from it, so that a wrong password costs one call however many ask.
type loginGate struct {
	mu      sync.Mutex
	proved  bool
	trial   chan struct{} // closed when the trial under way ends; nil if none
	refused error
	until   time.Time
	pause   time.Duration
}

// rememberedRefusal is the answer to a login that was not tried.
type rememberedRefusal struct {
	error
	until time.Time
}

func (r *rememberedRefusal) Unwrap() error { return r.error }

// enter asks for leave to log in. On success settle must be called once with
// what came of the login.
func (g *loginGate) enter(ctx context.Context, now func() time.Time) (settle func(error), err error) {
	for {
		g.mu.Lock()
		switch {
		case now().Before(g.until):
			defer g.mu.Unlock()
			return nil, &rememberedRefusal{error: g.refused, until: g.until}
		case g.proved:
			defer g.mu.Unlock()
			return func(err error) { g.settle(err, now()) }, nil
		case g.trial == nil:
			defer g.mu.Unlock()
			g.trial = make(chan struct{})
			return func(err error) { g.settleTrial(err, now()) }, nil
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

// refusedUntil is when a refused login is tried again; zero where none is
// remembered.
func (g *loginGate) refusedUntil() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until
}

func (g *loginGate) settle(err error, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.learn(err, now)
}

func (g *loginGate) settleTrial(err error, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.learn(err, now)
	close(g.trial)
	g.trial = nil
}

func (g *loginGate) learn(err error, now time.Time) {
	switch {
	case err == nil:
		g.proved, g.pause, g.refused, g.until = true, 0, nil, time.Time{}
	case !isRefusal(err):
		// Trouble on the way says nothing about the login.
	case now.Before(g.until):
		// Logins under way at the same time are one refusal, not many.
	default:
		g.proved = false
		g.pause = min(max(2*g.pause, refusalFirstPause), refusalLongestPause)
		g.refused, g.until = err, now.Add(g.pause)
	}
}

// isRefusal tells whether err is about what the role says, so that the same
// login would be refused again.
func isRefusal(err error) bool {
	switch client.KindOf(err) {
	case client.GrantDead, client.ClientRefused, client.GrantNotEnabled, client.ScopeRefused:
		return true
	default:
		return false
	}
}
