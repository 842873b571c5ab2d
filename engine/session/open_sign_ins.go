package session

import (
	"context"
	"slices"
	"sync"
	"time"

	"vault-plugin-secrets-processmaker/internal/store"
)

const (
	// mostOfCaller and mostOfRole bound the sign-ins that are open, of one caller for a role and of
	// all callers for it. A further one takes the place of the oldest.
	mostOfCaller = 20
	mostOfRole   = 200
)

// openSignIn is a sign-in that is stored.
type openSignIn struct {
	key, caller string
	expires     time.Time
}

// openSignIns are the stored sign-ins of each role, oldest first. After a start they are those begun
// since, until the upkeep has read what is stored. The zero value is empty.
type openSignIns struct {
	mu     sync.Mutex
	byRole map[string][]openSignIn
}

// add notes a sign-in. surplus are the keys of those whose place it takes, which are forgotten.
func (o *openSignIns) add(role string, added openSignIn) (surplus []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	known := o.byRole[role]
	if slices.ContainsFunc(known, func(s openSignIn) bool { return s.key == added.key }) {
		return nil
	}
	at, _ := slices.BinarySearchFunc(known, added, func(s, added openSignIn) int {
		if s.expires.After(added.expires) {
			return 1
		}
		return -1 // the one added last is the youngest of equals
	})
	known = slices.Insert(known, at, added)
	ofCaller := 0
	for _, s := range known {
		if s.caller == added.caller {
			ofCaller++
		}
	}
	if ofCaller > mostOfCaller {
		oldest := slices.IndexFunc(known, func(s openSignIn) bool { return s.caller == added.caller })
		surplus, known = append(surplus, known[oldest].key), slices.Delete(known, oldest, oldest+1)
	}
	if len(known) > mostOfRole {
		surplus, known = append(surplus, known[0].key), slices.Delete(known, 0, 1)
	}
	if o.byRole == nil {
		o.byRole = map[string][]openSignIn{}
	}
	o.byRole[role] = known
	return surplus
}

// forget drops a sign-in that is not stored any more.
func (o *openSignIns) forget(role, key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	left := slices.DeleteFunc(o.byRole[role], func(s openSignIn) bool { return s.key == key })
	if len(left) == 0 {
		delete(o.byRole, role)
		return
	}
	o.byRole[role] = left
}

// openSignIn stores a sign-in, in the place of the oldest where there are too many: else anybody who
// may begin one could fill Vault's storage.
func (m *Manager) openSignIn(ctx context.Context, key string, pending *pendingSignIn) error {
	if err := m.dropSurplus(ctx, key, pending); err != nil {
		return err
	}
	if err := store.Put(ctx, m.Storage, key, pending); err != nil {
		m.signIns.forget(pending.Role, key)
		return err
	}
	return nil
}

// dropSurplus counts a sign-in, and deletes those that are too many with it.
func (m *Manager) dropSurplus(ctx context.Context, key string, pending *pendingSignIn) error {
	for _, surplus := range m.signIns.add(pending.Role, openSignIn{key: key, caller: pending.Caller, expires: pending.ExpireTime}) {
		if err := m.Storage.Delete(ctx, surplus); err != nil {
			return err
		}
	}
	return nil
}

// DropExpiredSignIns forgets sign-ins that nobody completed, and counts those that are still open.
func (m *Manager) DropExpiredSignIns(ctx context.Context) error {
	names, err := m.Storage.List(ctx, SignInPrefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		key := SignInPrefix + name
		pending, err := store.Get[pendingSignIn](ctx, m.Storage, nameOfSignIn(key))
		if err != nil && !store.IsUnreadable(err) {
			return err
		}
		if pending != nil && m.Clock.Now().Before(pending.ExpireTime) {
			err = m.dropSurplus(ctx, key, pending)
		} else {
			err = m.dropSignIn(ctx, key, pending)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropSignIn deletes a sign-in; nil stands for one that cannot be read.
func (m *Manager) dropSignIn(ctx context.Context, key string, pending *pendingSignIn) error {
	if err := m.Storage.Delete(ctx, key); err != nil {
		return err
	}
	if pending != nil {
		m.signIns.forget(pending.Role, key)
	}
	return nil
}
