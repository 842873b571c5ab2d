package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/internal/logingate"
)

// loadedRole is a role in memory and what is known of its login. It is made
// anew with every write of the role or the config, which is how a remembered
// refusal is forgotten.
type loadedRole struct {
	role
	name string
	gate logingate.Gate
	// session mirrors the stored session; nil where it is not known.
	session atomic.Pointer[session]
	// static mirrors the stored shared credential; nil where it is not known.
	static atomic.Pointer[staticCredential]
	// futile is set while renewing the session is known not to help.
	futile atomic.Pointer[futileRenewal]
}

// roleCache holds the roles in use in memory. Unknown names are not
// remembered: anybody can make those up.
type roleCache struct {
	byName sync.Map // name to *loadedRole
	// forgotten counts how often what is in memory was declared stale.
	forgotten atomic.Uint64
	// mu is held over a storage access and the change of byName, never over
	// an exchange with ProcessMaker.
	mu sync.Mutex
}

// load returns the role, or nil where there is none.
func (c *roleCache) load(ctx context.Context, storage logical.Storage, name string) (*loadedRole, error) {
	if found, ok := c.byName.Load(name); ok {
		return found.(*loadedRole), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loadLocked(ctx, storage, name)
}

func (c *roleCache) loadLocked(ctx context.Context, storage logical.Storage, name string) (*loadedRole, error) {
	if found, ok := c.byName.Load(name); ok {
		return found.(*loadedRole), nil
	}
	forgotten := c.forgotten.Load()
	stored, err := readRole(ctx, storage, name)
	if err != nil || stored == nil {
		return nil, err
	}
	loaded := &loadedRole{role: *stored, name: name}
	// Looked at after it is there: forgetting does not wait for mu.
	c.byName.Store(name, loaded)
	if c.forgotten.Load() != forgotten {
		c.byName.CompareAndDelete(name, loaded)
	}
	return loaded, nil
}

// errRoleMoved: somebody else wrote the role between reading and writing.
type errRoleMoved string

func (name errRoleMoved) Error() string {
	return fmt.Sprintf("role %q was changed by another request at the same time; read it and write again", string(name))
}

// replace stores next in place of previous, which is what next was made from
// and nil for a new role.
func (c *roleCache) replace(ctx context.Context, storage logical.Storage, name string, previous *loadedRole, next *role) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	current, err := c.loadLocked(ctx, storage, name)
	if err != nil && !isUnreadable(err) {
		return err
	}
	if current != previous {
		return errRoleMoved(name)
	}
	if err := c.overtaken(ctx, storage, name, previous); err != nil {
		return err
	}
	entry, err := logical.StorageEntryJSON(rolePrefix+name, next)
	if err != nil {
		return fmt.Errorf("role %q cannot be encoded", name)
	}
	if err := storage.Put(ctx, entry); err != nil {
		return err
	}
	c.byName.Store(name, &loadedRole{role: *next, name: name})
	return nil
}

// overtaken is errRoleMoved if another node of the cluster has stored another role
// than previous. The caller holds mu.
func (c *roleCache) overtaken(ctx context.Context, storage logical.Storage, name string, previous *loadedRole) error {
	if previous == nil {
		return nil // it has just been looked for
	}
	stored, err := readRole(ctx, storage, name)
	if err != nil && !isUnreadable(err) {
		return err
	}
	if err == nil && stored != nil && sameForm(stored, &previous.role) {
		return nil
	}
	c.forget(name)
	return errRoleMoved(name)
}

func (c *roleCache) remove(ctx context.Context, storage logical.Storage, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := storage.Delete(ctx, rolePrefix+name); err != nil {
		return err
	}
	c.byName.Delete(name)
	return nil
}

func (c *roleCache) forget(name string) {
	c.forgotten.Add(1)
	c.byName.Delete(name)
}

// cached returns the role if it is in memory, and nil if not.
func (c *roleCache) cached(name string) *loadedRole {
	if found, ok := c.byName.Load(name); ok {
		return found.(*loadedRole)
	}
	return nil
}

func (c *roleCache) forgetAll() {
	c.forgotten.Add(1)
	c.byName.Clear()
}
