package telemetry

import (
	"sync"
	"time"
)

// Condition is what is known of one role.
type Condition struct {
	LastIssue time.Time
	// LastError stays after a success: operators ask in the morning what went wrong at night.
	LastError     string
	LastErrorTime time.Time
	// Cure is empty once the role works again.
	Cure string
	// RetryAt is when trying again makes sense; zero is now.
	RetryAt time.Time
	// Failing: the latest try failed.
	Failing bool
	// HasSession, SessionActive and SessionEnd are the session as it was last read or stored.
	HasSession, SessionActive bool
	SessionEnd                time.Time
	// SharedRotated and PasswordRotated are when they last were; zero where that is not known.
	SharedRotated, PasswordRotated time.Time
	// PasswordError is why the latest rotation by schedule failed; empty after one that did not.
	PasswordError string
}

// RoleHealth is how the logins of one role went since the plugin started.
type RoleHealth struct {
	mu        sync.Mutex
	condition Condition
	// refused: the latest login was.
	refused bool
}

// Health holds them by role. It outlives the roles in memory. The zero value is empty.
type Health struct{ byName sync.Map } // name to *RoleHealth

// Of returns the role's health, and begins it where there is none.
func (h *Health) Of(name string) *RoleHealth {
	if known := h.Known(name); known != nil {
		return known
	}
	made, _ := h.byName.LoadOrStore(name, &RoleHealth{})
	return made.(*RoleHealth)
}

// Known is nil for a role that was not used since the plugin started.
func (h *Health) Known(name string) *RoleHealth {
	found, _ := h.byName.Load(name)
	known, _ := found.(*RoleHealth)
	return known
}

// Each calls do with every role that is known, in no order.
func (h *Health) Each(do func(name string, c Condition)) {
	h.byName.Range(func(name, known any) bool {
		do(name.(string), known.(*RoleHealth).Condition())
		return true
	})
}

// Session records the session of a role as it was read or stored; end is that of its token.
func (h *Health) Session(name string, active bool, end time.Time) {
	h.Of(name).change(func(c *Condition) { c.HasSession, c.SessionActive, c.SessionEnd = true, active, end })
}

// NoSession records that a role has none.
func (h *Health) NoSession(name string) {
	if known := h.Known(name); known != nil {
		known.change(func(c *Condition) { c.HasSession = false })
	}
}

// Forget is for a role that is deleted.
func (h *Health) Forget(name string) { h.byName.Delete(name) }

func (r *RoleHealth) change(do func(*Condition)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(&r.condition)
}

// RotatedShared records when the shared credential was made.
func (r *RoleHealth) RotatedShared(at time.Time) {
	r.change(func(c *Condition) { c.SharedRotated = at })
}

// RotatedPassword records when the role got its present password.
func (r *RoleHealth) RotatedPassword(at time.Time) {
	r.change(func(c *Condition) {
		if at.After(c.PasswordRotated) {
			c.PasswordRotated, c.PasswordError = at, ""
		}
	})
}

// PasswordNotRotated records why a rotation by schedule failed.
func (r *RoleHealth) PasswordNotRotated(why string) {
	r.change(func(c *Condition) { c.PasswordError = why })
}

// Issued records a success.
func (r *RoleHealth) Issued(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.condition.LastIssue, r.condition.Failing = now, false
	r.condition.Cure, r.condition.RetryAt = "", time.Time{}
}

// Failed records a failure. Without a cure of its own, that of the failure before it stays.
func (r *RoleHealth) Failed(now time.Time, cause, cure string, retryAt time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.condition.LastError, r.condition.LastErrorTime = cause, now
	r.condition.RetryAt, r.condition.Failing = retryAt, true
	if cure != "" {
		r.condition.Cure = cure
	}
}

// LoggedIn records whether a login was refused and tells whether that is new.
func (r *RoleHealth) LoggedIn(refused bool) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed = r.refused != refused
	r.refused = refused
	return changed
}

// Condition is a copy of what is known.
func (r *RoleHealth) Condition() Condition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.condition
}
