// Package health remembers how the logins of roles went since the plugin
// started.
package health

import (
	"sync"
	"time"
)

// Condition is what is known of one role.
type Condition struct {
	LastIssue time.Time
	// LastError stays after the next success, with its time, for who asks what
	// went wrong at night.
	LastError     string
	LastErrorTime time.Time
	// Cure is empty once the role works again.
	Cure string
	// RetryAt is when trying again makes sense; zero is now.
	RetryAt time.Time
}

// Role is one role's health.
type Role struct {
	mu        sync.Mutex
	condition Condition
	// refused: the latest login was.
	refused bool
}

// Roles holds them by name. It outlives the roles in memory, which are made anew
// with every write. The zero value is empty.
type Roles struct{ byName sync.Map } // name to *Role

// Of returns the role's health, and begins it where there is none.
func (r *Roles) Of(name string) *Role {
	if found, ok := r.byName.Load(name); ok {
		return found.(*Role)
	}
	made, _ := r.byName.LoadOrStore(name, &Role{})
	return made.(*Role)
}

// Known is nil for a role that was not used since the plugin started.
func (r *Roles) Known(name string) *Role {
	found, ok := r.byName.Load(name)
	if !ok {
		return nil
	}
	return found.(*Role)
}

// Forget is for a role that is deleted.
func (r *Roles) Forget(name string) { r.byName.Delete(name) }

// Issued takes a success down.
func (r *Role) Issued(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.condition.LastIssue = now
	r.condition.Cure, r.condition.RetryAt = "", time.Time{}
}

// Failed takes a failure down. Without a cure of its own, that of the one
// before stays.
func (r *Role) Failed(now time.Time, cause, cure string, retryAt time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.condition.LastError, r.condition.LastErrorTime = cause, now
	r.condition.RetryAt = retryAt
	if cure != "" {
		r.condition.Cure = cure
	}
}

// LoggedIn takes down whether a login was refused and tells whether that is new.
func (r *Role) LoggedIn(refused bool) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed = r.refused != refused
	r.refused = refused
	return changed
}

// Condition is a copy of what is known.
func (r *Role) Condition() Condition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.condition
}
