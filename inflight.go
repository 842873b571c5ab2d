package main

import (
	"context"
	"sync"
)

// inflight counts requests that may outlive their caller, so that an unmount
// can wait for them. A sync.WaitGroup does not allow joining while somebody
// waits.
type inflight struct {
	mu    sync.Mutex
	count int
	idle  chan struct{} // closed when count falls to 0; nil while nobody waits
}

func (f *inflight) join() (leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	return f.leave
}

func (f *inflight) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count--
	if f.count == 0 && f.idle != nil {
		close(f.idle)
		f.idle = nil
	}
}

func (f *inflight) wait(ctx context.Context) error {
	f.mu.Lock()
	if f.count == 0 {
		f.mu.Unlock()
		return nil
	}
	if f.idle == nil {
		f.idle = make(chan struct{})
	}
	idle := f.idle
	f.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
