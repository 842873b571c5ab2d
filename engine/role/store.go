package role

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/internal/keylock"
	"vault-plugin-secrets-processmaker/internal/logingate"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Prefix is where the roles are stored.
const Prefix = "role/"

// Keys are the keys of this package.
var Keys = []store.Key{
	{Prefix: Prefix, SealWrap: true},
	{Prefix: PendingPrefix, SealWrap: true},
}

func NameOf(name string) store.Name {
	return store.Name{Key: Prefix + name, What: fmt.Sprintf("the stored role %q", name), Cure: fmt.Sprintf("write it again, with everything that it needs, with \"vault write %sroles/%s\", or delete it", problem.Mount, name)}
}

// Entry is a role in memory and what is known of its login. It is made anew with every write of the
// role or the config, by which a remembered refusal is forgotten.
type Entry struct {
	Role
	Name string
	Gate logingate.Gate
	// bound is the last Binding: it serves as long as its instance does.
	bound atomic.Pointer[Binding]
}

// Store keeps the roles of a mount.
type Store struct {
	storage   logical.Storage
	instances *instance.Store
	report    *telemetry.Reporter
	target    FillTemplate
	cache     store.Cache[Entry]
	// users locks the passwords of users.
	users *keylock.Locks
	// guesses are the gates of logins whose password is in no role yet. Writes of roles and config
	// leave them alone: else each guess could come with one.
	guesses logingate.Guesses
}

// NewStore reads nothing.
func NewStore(storage logical.Storage, instances *instance.Store, report *telemetry.Reporter, fill FillTemplate) *Store {
	s := &Store{storage: storage, instances: instances, report: report, target: fill, users: keylock.New()}
	s.cache.Read = s.read
	return s
}

// Get returns a role, or nil where there is none.
func (s *Store) Get(ctx context.Context, name string) (*Entry, error) { return s.cache.Load(ctx, name) }

func (s *Store) read(ctx context.Context, name string) (*Entry, error) {
	stored, err := store.Get[Role](ctx, s.storage, NameOf(name))
	if err != nil || stored == nil {
		return nil, err
	}
	return &Entry{Role: *stored, Name: name}, nil
}

// GuessGate is the gate of logins with a password that is not stored, which all roles share that
// sign in as the same user through the same auth client.
func (s *Store) GuessGate(bound *Binding, now time.Time) *logingate.Gate {
	return s.guesses.Of(strings.Join([]string{bound.URL, bound.Auth.ID, UserKey(bound.Username)}, "\n"), now)
}

// Names lists the names of the roles, sorted.
func (s *Store) Names(ctx context.Context) ([]string, error) { return s.storage.List(ctx, Prefix) }

// Replace stores next in place of previous, from which next was made; nil for a new role.
func (s *Store) Replace(ctx context.Context, name string, previous *Entry, next *Role) error {
	err := s.cache.Replace(ctx, name, previous, func() (*Entry, error) {
		if previous != nil {
			if err := store.Verify(ctx, s.storage, NameOf(name), &previous.Role); err != nil {
				return nil, err
			}
		}
		if err := store.Put(ctx, s.storage, Prefix+name, next); err != nil {
			return nil, err
		}
		return &Entry{Role: *next, Name: name}, nil
	})
	if problem.IsConflict(err) {
		return problem.Conflictf("role %q was changed by another request at the same time; read it and write again", name)
	}
	return err
}

// Delete removes a role, whatever it is.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.cache.Delete(name, func() error { return s.storage.Delete(ctx, Prefix+name) })
}

// LocksInUse says how many locks are held or waited for.
func (s *Store) LocksInUse() int { return s.users.InUse() }

// Forget makes the next use of a role read storage again.
func (s *Store) Forget(name string) { s.cache.Forget(name) }

// ForgetAll is Forget for every role.
func (s *Store) ForgetAll() { s.cache.ForgetAll() }
