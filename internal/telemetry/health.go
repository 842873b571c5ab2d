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

// Forget is for a role that is deleted.
func (h *Health) Forget(name string) { h.byName.Delete(name) }

// Issued records a success.
func (r *RoleHealth) Issued(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.condition.LastIssue = now
	r.condition.Cure, r.condition.RetryAt = "", time.Time{}
}

// Failed records a failure. Without a cure of its own, that of the failure before it stays.
func (r *RoleHealth) Failed(now time.Time, cause, cure string, retryAt time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.condition.LastError, r.condition.LastErrorTime = cause, now
	r.condition.RetryAt = retryAt
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
