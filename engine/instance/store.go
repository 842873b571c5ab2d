// Package instance keeps which ProcessMaker the mount serves, and the client made of it. It owns
// the key "config", the mutex of its writers and the published Instance. It may import client and
// internal packages.
package instance

import (
	"context"
	"fmt"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Key is where the config is stored.
const Key = "config"

var ConfigName = store.Name{Key: Key, What: "the stored config", Cure: "write it again, with everything that it needs, with \"vault write " + problem.Mount + "config\""}

// Keys are the keys of this package.
var Keys = []store.Key{{Prefix: Key, SealWrap: true}}

// Instance is the stored config and the client made from it. It never changes once published.
type Instance struct {
	Config Config
	Client *client.Client
}

// ErrMoved is the answer to a write of a config that another request has written.
var ErrMoved = problem.Conflictf("the config was changed by another request at the same time; read it and try again")

// Store holds the instance of the mount in memory and in storage.
type Store struct {
	storage   logical.Storage
	clock     clock.Clock
	report    *telemetry.Reporter
	userAgent string
	cache     store.Cache[Instance]
}

// NewStore reads nothing. userAgent is sent with every request.
func NewStore(storage logical.Storage, clk clock.Clock, report *telemetry.Reporter, userAgent string) *Store {
	s := &Store{storage: storage, clock: clk, report: report, userAgent: userAgent}
	s.cache.Read = s.read
	return s
}

// Current returns the instance, deleted settings included; nil where no config is stored.
func (s *Store) Current(ctx context.Context) (*Instance, error) { return s.cache.Load(ctx, Key) }

// Known is the instance in memory; nil where there is none.
func (s *Store) Known() *Instance { return s.cache.Known(Key) }

// Require returns the instance. It is Refused where there is no config.
func (s *Store) Require(ctx context.Context) (*Instance, error) {
	current, err := s.Current(ctx)
	if err != nil {
		return nil, err
	}
	if current == nil || current.Config.Deleted {
		return nil, problem.Refuse("this mount has no config: write url and an auth client to "+problem.Mount+"config first",
			"For example \"vault write "+problem.Mount+"config url=https://bpm.example.com client_id=3 client_secret=@client-secret.txt\"")
	}
	return current, nil
}

func (s *Store) read(ctx context.Context, _ string) (*Instance, error) {
	stored, err := store.Get[Config](ctx, s.storage, ConfigName)
	if err != nil || stored == nil {
		return nil, err
	}
	loaded, err := s.Prepare(stored)
	if err != nil {
		return nil, &store.Unreadable{Key: Key, Text: fmt.Sprintf("the stored config cannot be used: %s; %s", err, ConfigName.Cure)}
	}
	return loaded, nil
}

// Prepare makes an instance that is not published. Its errors are about c.
func (s *Store) Prepare(c *Config) (*Instance, error) {
	cfg, err := c.forClient(s.userAgent)
	if err != nil {
		return nil, err
	}
	cfg.ReachabilityChanged, cfg.Observe = s.report.Reachability, s.report.Exchanged
	prepared, err := client.New(cfg, s.clock)
	if err != nil {
		return nil, err
	}
	return &Instance{Config: *c, Client: prepared}, nil
}

// Replace stores next in place of previous, from which next was made. stillFree runs before the
// write, while callers that need the instance wait; nil where next serves all that previous does.
func (s *Store) Replace(ctx context.Context, previous, next *Instance, stillFree func() error) error {
	err := s.cache.Replace(ctx, Key, previous, func() (*Instance, error) { return next, s.write(ctx, previous, next, stillFree) })
	if problem.IsConflict(err) {
		return ErrMoved
	}
	if err == nil && previous != nil {
		previous.Client.Close()
	}
	return err
}

func (s *Store) write(ctx context.Context, previous, next *Instance, stillFree func() error) (err error) {
	if previous != nil {
		if err := store.Verify(ctx, s.storage, ConfigName, &previous.Config); err != nil {
			return err
		}
	}
	if stillFree != nil {
		restore := s.cache.Withdraw(Key)
		defer func() {
			if err != nil {
				restore()
			}
		}()
		if err := stillFree(); err != nil {
			return err
		}
	}
	if next == nil {
		return s.storage.Delete(ctx, Key)
	}
	if err := store.Put(ctx, s.storage, Key, &next.Config); err != nil {
		return err
	}
	if previous != nil {
		next.Client.Inherit(previous.Client)
	}
	return nil
}

// Remove deletes the stored config that previous was made from. stillFree is as for Replace.
func (s *Store) Remove(ctx context.Context, previous *Instance, stillFree func() error) error {
	if current, err := s.Current(ctx); err == nil && current == nil {
		return nil
	}
	return s.Replace(ctx, previous, nil, stillFree)
}

// StillServes tells whether the mount is still configured as it was with inst. Deleting a config
// does not count the token of a login under way, which stores its record before it asks this.
func (s *Store) StillServes(inst *Instance) bool {
	if s.Known() == inst {
		return true
	}
	current, err := store.ReadOnOwnTime(s.Current)
	if err != nil {
		// The credential is stored and can be ended as long as the config is.
		return true
	}
	return current != nil && current.Config.URL == inst.Config.URL && (!current.Config.Deleted || inst.Config.Deleted)
}

// Forget makes the next use read storage again.
func (s *Store) Forget() {
	if known := s.Known(); known != nil {
		defer known.Client.Close()
	}
	s.cache.Forget(Key)
}

func (s *Store) Close() {
	if known := s.Known(); known != nil {
		known.Client.Close()
	}
}
