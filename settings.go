package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/clock"
)

// settings are the stored config and the client made from it. They never
// change once published.
type settings struct {
	config config
	client *client.Client
}

// settingsCache holds the settings of the mount in memory.
type settingsCache struct {
	current atomic.Pointer[settings]
	// forgotten counts how often what is in memory was declared stale.
	forgotten atomic.Uint64
	// mu is held over a storage access and the change of current, never over
	// an exchange with ProcessMaker.
	mu sync.Mutex
	// reachabilityChanged is told by the clients of what they find.
	reachabilityChanged func(unreachable bool)
}

// load returns the settings, or nil where none are stored.
func (c *settingsCache) load(ctx context.Context, storage logical.Storage, clk clock.Clock) (*settings, error) {
	if current := c.current.Load(); current != nil {
		return current, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loadLocked(ctx, storage, clk)
}

func (c *settingsCache) loadLocked(ctx context.Context, storage logical.Storage, clk clock.Clock) (*settings, error) {
	if current := c.current.Load(); current != nil {
		return current, nil
	}
	forgotten := c.forgotten.Load()
	stored, err := readConfig(ctx, storage)
	if err != nil || stored == nil {
		return nil, err
	}
	loaded, err := c.make(stored, clk)
	if err != nil {
		return nil, &unreadable{text: fmt.Sprintf("the stored config cannot be used: %s; write config again, with everything that it needs", err)}
	}
	c.publish(loaded, forgotten)
	return loaded, nil
}

// publish puts settings into memory unless they were forgotten since forgotten was
// read. That is looked at after they are there: forgetting does not wait for mu.
func (c *settingsCache) publish(loaded *settings, forgotten uint64) {
	c.current.Store(loaded)
	if c.forgotten.Load() != forgotten {
		c.current.CompareAndSwap(loaded, nil)
	}
}

// make is settings that are not published yet.
func (c *settingsCache) make(stored *config, clk clock.Clock) (*settings, error) {
	cfg, err := stored.forClient()
	if err != nil {
		return nil, err
	}
	cfg.ReachabilityChanged = c.reachabilityChanged
	made, err := client.New(cfg, clk)
	if err != nil {
		return nil, err
	}
	return &settings{config: *stored, client: made}, nil
}

// errSettingsMoved: somebody else wrote the config between reading and writing.
var errSettingsMoved = errors.New("the config was changed by another request at the same time; read it and try again")

// leave takes the settings out of memory while check looks whether anything needs
// them still, and leaves them there once write has stored what follows. Who stores
// something meanwhile is either seen by check, or finds them gone and waits for mu
// to learn what became of them. The caller holds mu.
func (c *settingsCache) leave(check, write func() error) error {
	forgotten := c.forgotten.Load()
	current := c.current.Swap(nil)
	err := check()
	if err == nil {
		err = write()
	}
	switch {
	case current == nil:
	case err == nil:
		current.client.Close()
	default:
		c.publish(current, forgotten)
	}
	return err
}

// replace stores next in place of previous, which is what next was made from.
// check runs before anything is written, while no other write can come between;
// nil where next serves whoever previous does.
func (c *settingsCache) replace(ctx context.Context, storage logical.Storage, clk clock.Clock, previous, next *settings, check func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	current, err := c.loadLocked(ctx, storage, clk)
	if err != nil && !isUnreadable(err) {
		return err
	}
	if current != previous {
		return errSettingsMoved
	}
	if err := c.overtaken(ctx, storage, previous); err != nil {
		return err
	}
	entry, err := logical.StorageEntryJSON(configKey, next.config)
	if err != nil {
		return errors.New("the config cannot be encoded")
	}
	write := func() error { return storage.Put(ctx, entry) }
	if check != nil {
		err = c.leave(check, write)
	} else {
		err = write()
	}
	if err != nil {
		return err
	}
	if previous != nil {
		next.client.Inherit(previous.client)
	}
	c.swap(next)
	return nil
}

// overtaken is errSettingsMoved if another node of the cluster has stored another
// config than the one that previous was made from. The caller holds mu.
func (c *settingsCache) overtaken(ctx context.Context, storage logical.Storage, previous *settings) error {
	if previous == nil {
		return nil // it has just been looked for
	}
	stored, err := readConfig(ctx, storage)
	if err != nil && !isUnreadable(err) {
		return err
	}
	if err == nil && stored != nil && sameForm(stored, &previous.config) {
		return nil
	}
	c.forget()
	return errSettingsMoved
}

// remove deletes the stored config, which is the one that previous was made from.
// check is as for replace.
func (c *settingsCache) remove(ctx context.Context, storage logical.Storage, clk clock.Clock, previous *settings, check func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	current, err := c.loadLocked(ctx, storage, clk)
	if err != nil && !isUnreadable(err) {
		return err
	}
	switch {
	case err == nil && current == nil:
		return nil
	case current != previous:
		return errSettingsMoved
	}
	if err := c.overtaken(ctx, storage, previous); err != nil {
		return err
	}
	return c.leave(check, func() error { return storage.Delete(ctx, configKey) })
}

func (c *settingsCache) swap(next *settings) {
	if old := c.current.Swap(next); old != nil {
		old.client.Close()
	}
}

// forget makes the next use read storage again.
func (c *settingsCache) forget() {
	c.forgotten.Add(1)
	c.swap(nil)
}

func (c *settingsCache) close() {
	if current := c.current.Load(); current != nil {
		current.client.Close()
	}
}

func readConfig(ctx context.Context, storage logical.Storage) (*config, error) {
	entry, err := storage.Get(ctx, configKey)
	if err != nil || entry == nil {
		return nil, err
	}
	var stored config
	if err := decodeStored(entry, &stored, "config", "write config again, with everything that it needs"); err != nil {
		return nil, err
	}
	return &stored, nil
}
