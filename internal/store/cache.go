package store

import (
	"context"
	"sync"
	"sync/atomic"

	"vault-plugin-secrets-processmaker/internal/problem"
)

// Cache holds what was made of stored entries, by name, but no names that have none: a caller could
// make those up.
type Cache[T any] struct {
	// Read makes what is held of the stored entry; nil where there is none. Load and Replace need it.
	Read   func(ctx context.Context, name string) (*T, error)
	byName sync.Map // name to *T
	// forgotten counts how often what is in memory was declared stale.
	forgotten atomic.Uint64
	// mu is the writers' mutex: it is held over an access to storage and the change of byName,
	// never over an exchange with ProcessMaker.
	mu sync.Mutex
}

// Known returns what is in memory under name, or nil.
func (c *Cache[T]) Known(name string) *T {
	found, _ := c.byName.Load(name)
	known, _ := found.(*T)
	return known
}

// Load returns what is in memory under name, and otherwise what Read returns.
func (c *Cache[T]) Load(ctx context.Context, name string) (*T, error) {
	if known := c.Known(name); known != nil {
		return known, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loadLocked(ctx, name)
}

func (c *Cache[T]) loadLocked(ctx context.Context, name string) (*T, error) {
	if known := c.Known(name); known != nil {
		return known, nil
	}
	forgotten := c.forgotten.Load()
	loaded, err := c.Read(ctx, name)
	if err != nil || loaded == nil {
		return nil, err
	}
	c.publish(name, loaded, forgotten)
	return loaded, nil
}

// publish puts loaded into memory unless something was forgotten since forgotten was read. The
// count is compared afterwards, because Forget does not wait for mu.
func (c *Cache[T]) publish(name string, loaded *T, forgotten uint64) {
	c.byName.Store(name, loaded)
	if c.forgotten.Load() != forgotten {
		c.byName.CompareAndDelete(name, loaded)
	}
}

// Replace puts what write returns in place of known, while no other Replace runs. It is a Conflict
// where known is not what storage or memory has; nil stands for nothing, on both sides, as does
// what cannot be read. write compares with storage; after a Conflict there the name is forgotten.
func (c *Cache[T]) Replace(ctx context.Context, name string, known *T, write func() (*T, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	current, err := c.loadLocked(ctx, name)
	if err != nil && !IsUnreadable(err) {
		return err
	}
	if current != known {
		return problem.Conflictf("changed by another request at the same time; read it and write again")
	}
	next, err := write()
	switch {
	case problem.IsConflict(err):
		c.Forget(name)
		return err
	case err != nil:
		return err
	case next == nil:
		c.byName.Delete(name)
	default:
		c.byName.Store(name, next)
	}
	return nil
}

// Delete runs remove, and takes name out of memory, while no Replace runs.
func (c *Cache[T]) Delete(name string, remove func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := remove(); err != nil {
		return err
	}
	c.byName.Delete(name)
	return nil
}

// Withdraw takes name out of memory until restore puts it back. Callers that want it in between wait
// for the Replace under way, within which Withdraw is called.
func (c *Cache[T]) Withdraw(name string) (restore func()) {
	forgotten := c.forgotten.Load()
	known := c.Known(name)
	c.byName.Delete(name)
	return func() {
		if known != nil {
			c.publish(name, known, forgotten)
		}
	}
}

// Keep puts what the caller has stored or read into memory.
func (c *Cache[T]) Keep(name string, stored *T) { c.byName.Store(name, stored) }

// Forget makes the next Load of name read again.
func (c *Cache[T]) Forget(name string) {
	c.forgotten.Add(1)
	c.byName.Delete(name)
}

// ForgetAll makes every next Load read again.
func (c *Cache[T]) ForgetAll() {
	c.forgotten.Add(1)
	c.byName.Clear()
}
