// Package inflight counts work that may outlive whoever asked for it.
package inflight

import (
	"context"
	"sync"
)

// Group counts what is under way, so that its end can be waited for. A
// sync.WaitGroup does not allow joining while somebody waits.
type Group struct {
	mu    sync.Mutex
	count int
	idle  chan struct{} // closed when count falls to 0; nil while nobody waits
}

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
	if g.count == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// Wait returns once nothing is under way, or with the error of ctx.
func (g *Group) Wait(ctx context.Context) error {
	g.mu.Lock()
	if g.count == 0 {
		g.mu.Unlock()
		return nil
	}
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	idle := g.idle
	g.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
