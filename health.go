package main

import (
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// roleHealth is how a role's logins went since the plugin started.
type roleHealth struct {
	mu            sync.Mutex
	lastIssue     time.Time
	lastError     string
	lastErrorTime time.Time
	cure          string
	retryAt       time.Time
	// refused: ProcessMaker refused the latest login.
	refused bool
}

// roleHealths outlive the roles in memory, which are made anew with every write.
type roleHealths struct{ byName sync.Map } // name to *roleHealth

func (h *roleHealths) of(name string) *roleHealth {
	if found, ok := h.byName.Load(name); ok {
		return found.(*roleHealth)
	}
	made, _ := h.byName.LoadOrStore(name, &roleHealth{})
	return made.(*roleHealth)
}

// known is nil for a role that was not used since the plugin started.
func (h *roleHealths) known(name string) *roleHealth {
	found, ok := h.byName.Load(name)
	if !ok {
		return nil
	}
	return found.(*roleHealth)
}

func (h *roleHealths) forget(name string) { h.byName.Delete(name) }

func (h *roleHealth) issued(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastIssue = now
	h.cure, h.retryAt = "", time.Time{}
}

// failed keeps the reason. It stays after the next success, with its time, for
// who asks what went wrong at night.
func (h *roleHealth) failed(now time.Time, t trouble) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastError, h.lastErrorTime = t.cause, now
	h.retryAt = t.retryAt
	if t.cure != "" {
		h.cure = t.cure
	}
}

// login takes down whether a login was refused and tells whether that is new.
func (h *roleHealth) login(refused bool) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = h.refused != refused
	h.refused = refused
	return changed
}

// noteLogin tells the log when the login of a role breaks and when it works
// again.
func (b *backend) noteLogin(role *loadedRole, auth authClient, err error) {
	if err != nil && !isRefusal(err) {
		return
	}
	if !b.health.of(role.name).login(err != nil) {
		return
	}
	if err == nil {
		b.log(hclog.Info, about{role: role.name}, "the role's login works again")
		return
	}
	b.log(hclog.Info, about{role: role.name}, "the role's login is broken", "error", loginCause(&role.role, auth, err, b.clock.Now()))
}

// reachabilityChanged tells the log of the breaker.
func (b *backend) reachabilityChanged(unreachable bool) {
	if unreachable {
		b.log(hclog.Info, about{}, "ProcessMaker cannot be reached; requests are answered without a call until it is")
		return
	}
	b.log(hclog.Info, about{}, "ProcessMaker is reachable again")
}

// roleCondition is a copy of what is known.
type roleCondition struct {
	lastIssue, lastErrorTime, retryAt time.Time
	lastError, cure                   string
}

func (h *roleHealth) condition() roleCondition {
	h.mu.Lock()
	defer h.mu.Unlock()
	return roleCondition{
		lastIssue: h.lastIssue, lastErrorTime: h.lastErrorTime, retryAt: h.retryAt,
		lastError: h.lastError, cure: h.cure,
	}
}
