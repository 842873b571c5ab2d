// Package background runs and counts work that may outlive the request that asked for it. A Group
// owns the lifetime of the mount and the count of what is in-flight. The package imports the
// standard library alone.
package background

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Group counts what is in-flight, for a wait that, unlike sync.WaitGroup's, allows joining.
type Group struct {
	recovered func(panicked any, what string) bool
	lifetime  context.Context
	end       context.CancelFunc

	mu      sync.Mutex
	count   int
	waiting []waiter
}

// waiter waits until no more than most are in-flight; fallen is closed then.
type waiter struct {
	most   int
	fallen chan struct{}
}

// New makes a Group. recovered is told what its work panicked with, nil included.
func New(recovered func(panicked any, what string) bool) *Group {
	g := &Group{recovered: recovered}
	g.lifetime, g.end = context.WithCancel(context.Background())
	return g
}

// Lifetime is done when the mount is.
func (g *Group) Lifetime() context.Context { return g.lifetime }

// End ends the lifetime. Work in-flight goes on.
func (g *Group) End() { g.end() }

// Join counts one more. leave has to be called once when it has ended.
func (g *Group) Join() (leave func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count++
	return g.leave
}

func (g *Group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count--
	g.waiting = slices.DeleteFunc(g.waiting, func(w waiter) bool {
		if g.count > w.most {
			return false
		}
		close(w.fallen)
		return true
	})
}

// Wait returns once nothing is in-flight, or with the error of ctx.
func (g *Group) Wait(ctx context.Context) error { return g.waitFor(ctx, 0) }

// WaitForOthers is Wait for a caller that has joined itself.
func (g *Group) WaitForOthers(ctx context.Context) error { return g.waitFor(ctx, 1) }

func (g *Group) waitFor(ctx context.Context, most int) error {
	g.mu.Lock()
	if g.count <= most {
		g.mu.Unlock()
		return nil
	}
	w := waiter{most: most, fallen: make(chan struct{})}
	g.waiting = append(g.waiting, w)
	g.mu.Unlock()
	select {
	case <-w.fallen:
		return nil
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		g.waiting = slices.DeleteFunc(g.waiting, func(other waiter) bool { return other.fallen == w.fallen })
		return ctx.Err()
	}
}

// Go runs work in a goroutine. A panic ends the work alone.
func (g *Group) Go(what string, work func()) {
	leave := g.Join()
	go func() {
		defer leave()
		defer func() { g.recovered(recover(), what) }()
		work()
	}()
}

// Task is work of which one run at a time is enough. The zero value is idle.
type Task struct{ running atomic.Bool }

// Start runs the task's work unless the task is running.
func (g *Group) Start(task *Task, what string, work func()) {
	if !task.running.CompareAndSwap(false, true) {
		return
	}
	g.Go(what, func() {
		defer task.running.Store(false)
		work()
	})
}
