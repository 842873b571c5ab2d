package role

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

const (
	// PendingPrefix is where changes of passwords that are under way are stored.
	PendingPrefix  = "rotate/"
	pendingVersion = 1
)

func nameOfPending(key string) store.Name {
	return store.Name{Key: key, What: "the stored change of a password", Cure: "set another password for the user in ProcessMaker and write it to the role"}
}

// PendingPassword is the stored form of a change of a user's password that may or may not have
// happened. It is written before the change is sent and deleted after the roles have the new
// password, so that at any moment the mount knows a password that works.
type PendingPassword struct {
	Version  int    `json:"version"`
	URL      string `json:"url"`
	Username string `json:"username"`
	Password string `json:"password"`
	// Roles are to get the password, each unless it has another one since: by name, its hash.
	Roles       map[string]string `json:"roles"`
	StartedTime time.Time         `json:"started_time"`
}

// UserKey tells users apart as ProcessMaker does.
func UserKey(username string) string { return strings.ToLower(strings.TrimSpace(username)) }

// PendingKey hashes, because a user name need not be fit for a key.
func PendingKey(url, username string) string {
	hash := sha256.Sum256([]byte(url + "\n" + UserKey(username)))
	return PendingPrefix + hex.EncodeToString(hash[:])
}

func passwordHash(password string) string {
	hash := sha256.Sum256([]byte(password))
	return hex.EncodeToString(hash[:])
}

// NewPendingPassword is a change for roles, which sign in as one user.
func NewPendingPassword(roles []*Binding, password string, now time.Time) *PendingPassword {
	pending := &PendingPassword{
		Version:     pendingVersion,
		URL:         roles[0].URL,
		Username:    roles[0].Username,
		Password:    password,
		Roles:       map[string]string{},
		StartedTime: now,
	}
	for _, bound := range roles {
		pending.Roles[bound.Name] = passwordHash(bound.Password)
	}
	return pending
}

func (p *PendingPassword) CurrentVersion() int { return pendingVersion }
func (p *PendingPassword) Usable() bool {
	return p.URL != "" && p.Username != "" && p.Password != "" && len(p.Roles) > 0
}

func (p *PendingPassword) key() string { return PendingKey(p.URL, p.Username) }

// Concerns tells whether the role still waits for the change.
func (p *PendingPassword) Concerns(name string, r *Role) bool {
	return r.GrantType == GrantTypePassword && r.URL == p.URL && UserKey(r.Username) == UserKey(p.Username) &&
		p.Roles[name] == passwordHash(r.Password)
}

// RoleNames are sorted.
func (p *PendingPassword) RoleNames() []string { return slices.Sorted(maps.Keys(p.Roles)) }

// Pending returns the change under way for a user, or nil.
func (s *Store) Pending(ctx context.Context, url, username string) (*PendingPassword, error) {
	return s.pendingAt(ctx, PendingKey(url, username))
}

func (s *Store) pendingAt(ctx context.Context, key string) (*PendingPassword, error) {
	return store.Get[PendingPassword](ctx, s.storage, nameOfPending(key))
}

// AllPending lists the changes under way. One that cannot be read is logged.
func (s *Store) AllPending(ctx context.Context) ([]*PendingPassword, error) {
	keys, err := s.storage.List(ctx, PendingPrefix)
	if err != nil {
		return nil, err
	}
	var all []*PendingPassword
	for _, key := range keys {
		pending, err := s.pendingAt(ctx, PendingPrefix+key)
		if err != nil {
			s.report.Log(hclog.Warn, telemetry.Subject{}, "a change of a password that was cut off could not be completed yet", "error", err)
		}
		if pending != nil {
			all = append(all, pending)
		}
	}
	return all, nil
}

// PutPending stores a change on its own time.
func (s *Store) PutPending(pending *PendingPassword) error {
	return store.OnOwnTime(func(ctx context.Context) error { return store.Put(ctx, s.storage, pending.key(), pending) })
}

// StillPending is a Conflict unless the change is stored with the same password: to complete or
// undo one that another node has settled could bring back a password that was changed once more.
func (s *Store) StillPending(pending *PendingPassword) (*PendingPassword, error) {
	stored, err := store.ReadOnOwnTime(func(ctx context.Context) (*PendingPassword, error) { return s.pendingAt(ctx, pending.key()) })
	if err == nil && (stored == nil || stored.Password != pending.Password) {
		err = problem.Conflictf("another node of the cluster has taken over, and has settled or changed the password since; rotate again to be sure")
	}
	return stored, err
}

// DropPending deletes a settled change. It is no error if that, or another in its place, is gone.
func (s *Store) DropPending(pending *PendingPassword) error {
	_, err := s.StillPending(pending)
	if problem.IsConflict(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return store.OnOwnTime(func(ctx context.Context) error { return s.storage.Delete(ctx, pending.key()) })
}

// Adopt writes a password that holds into each role that waits for it. It needs no lock.
func (s *Store) Adopt(pending *PendingPassword) error {
	pending, err := s.StillPending(pending)
	if err != nil {
		return err
	}
	return store.OnOwnTime(func(ctx context.Context) error {
		var failed error
		for _, name := range pending.RoleNames() {
			if err := s.adoptInto(ctx, name, pending); err != nil {
				failed = errors.Join(failed, fmt.Errorf("role %q: %w", name, err))
			}
		}
		return failed
	})
}

func (s *Store) adoptInto(ctx context.Context, name string, pending *PendingPassword) error {
	for {
		current, err := s.Get(ctx, name)
		if err != nil || current == nil || !pending.Concerns(name, &current.Role) {
			return err
		}
		next := current.Role
		next.Password, next.PasswordTime = pending.Password, pending.StartedTime
		err = s.Replace(ctx, name, current, &next)
		if !problem.IsConflict(err) || ctx.Err() != nil {
			return err
		}
	}
}

// Withdraw takes a role that was given another login, or was deleted (nil), out of the change of
// its user's password. The change would leave it alone anyway: a failure leaves an entry to settle.
func (s *Store) Withdraw(ctx context.Context, previous *Entry, changed *Role) {
	if previous == nil || previous.GrantType != GrantTypePassword || (changed != nil && changed.Password == previous.Password && changed.fingerprint("") == previous.fingerprint("")) {
		return
	}
	key := PendingKey(previous.URL, previous.Username)
	pending, err := s.pendingAt(ctx, key)
	if store.IsUnreadable(err) && !store.IsNewer(err) {
		// It would stand in the way of every rotation. A newer release's may hold others' password.
		err = s.storage.Delete(ctx, key)
	}
	if err == nil && pending != nil && !(changed != nil && pending.Concerns(previous.Name, changed)) {
		delete(pending.Roles, previous.Name)
		if len(pending.Roles) == 0 {
			err = s.DropPending(pending)
		} else {
			err = s.PutPending(pending)
		}
	}
	if err != nil {
		s.report.Log(hclog.Warn, telemetry.Subject{Role: previous.Name}, "an open change of a password could not be withdrawn", "error", err)
	}
}

// LockUsers waits until no other caller changes the passwords of these users.
func (s *Store) LockUsers(ctx context.Context, usernames ...string) (unlock func(), err error) {
	keys := make([]string, 0, len(usernames))
	for _, username := range usernames {
		if username != "" {
			keys = append(keys, UserKey(username))
		}
	}
	// In order, so that two callers never wait for each other.
	slices.Sort(keys)
	var unlocks []func()
	release := func() {
		for _, one := range unlocks {
			one()
		}
	}
	for _, key := range slices.Compact(keys) {
		one, err := s.users.Lock(ctx, key)
		if err != nil {
			release()
			return nil, fmt.Errorf("gave up waiting for a change of the user's password that is under way: %w", err)
		}
		unlocks = append(unlocks, one)
	}
	return release, nil
}
