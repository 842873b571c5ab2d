// Package keylock locks by name. Unlike striped locks, two names never share a lock, so a lock may
// be held over a slow exchange without holding up anything but its own name.
package keylock

import (
	"context"
	"sync"
)

// Locks is a set of locks, one for each name in use.
type Locks struct {
	mu     sync.Mutex
	byName map[string]*entry
}

type entry struct {
	held  chan struct{} // holds one element while locked
	users int           // who holds or waits; guarded by Locks.mu
}

// New returns an empty set.
func New() *Locks { return &Locks{byName: map[string]*entry{}} }

// Lock waits for the lock of name until ctx is done.
func (l *Locks) Lock(ctx context.Context, name string) (unlock func(), err error) {
	l.mu.Lock()
	e := l.byName[name]
	if e == nil {
		e = &entry{held: make(chan struct{}, 1)}
		l.byName[name] = e
	}
	e.users++
	l.mu.Unlock()

	select {
	case e.held <- struct{}{}:
		return func() {
			<-e.held
			l.leave(name, e)
		}, nil
	case <-ctx.Done():
		l.leave(name, e)
		return nil, ctx.Err()
	}
}

func (l *Locks) leave(name string, e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.users--
	if e.users == 0 {
		delete(l.byName, name)
	}
}

// InUse says how many names are locked or waited for.
func (l *Locks) InUse() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byName)
}
