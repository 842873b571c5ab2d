// Package telemetry tells the log, the counters, Vault's event notifications and the health of
// roles what happens on a mount. A Reporter owns the counters, the queue of events, the roles'
// health, the durations of the exchanges and the path of the mount. The package imports
// internal/background, internal/clock and internal/metrics.
package telemetry

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/internal/background"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/metrics"
	"vault-plugin-secrets-processmaker/internal/problem"
)

// The kinds of events, which are counters too.
const (
	CredsCreated   = "creds-create"
	CredsRenewed   = "creds-renew"
	CredsRevoked   = "creds-revoke"
	SessionStarted = "session-create"
	SessionRenewed = "session-renew"
	SessionLost    = "session-lost"
	SessionEnded   = "session-delete"
	ConfigWritten  = "config-write"
	ConfigDeleted  = "config-delete"
	RoleWritten    = "role-write"
	RoleDeleted    = "role-delete"
	RoleRotated    = "role-rotate"
	// RoleRotateFailed: a rotation by schedule, of which no caller is told.
	RoleRotateFailed = "role-rotate-failed"
	LedgerEnded      = "ledger-end"
	LedgerDue        = "ledger-due"
	// LedgerUnaccounted: a token may live that neither lease nor record knows.
	LedgerUnaccounted = "ledger-unaccounted"
)

// Failures are counters alone: the caller is told, and nothing was changed.
const (
	CredsCreateFailed = "creds-create-failed"
	CredsRenewFailed  = "creds-renew-failed"
	CredsRevokeFailed = "creds-revoke-failed"
	LedgerEndFailed   = "ledger-end-failed"
)

// ErrPanicked is the answer to a request whose handler panicked.
var ErrPanicked = errors.New("internal error; the plugin's log has the details")

// Subject says what a line or an event is about.
type Subject struct {
	// Path is below the mount; empty for the role's credentials.
	Path string
	Role string
	// ID is a credential_id.
	ID string
	// Since is when the work began whose end is told; Attempt counts the tries.
	Since   time.Time
	Attempt int
	// Unchanged: nothing was stored or ended by it.
	Unchanged bool
}

// OfRole, OfSession and OfConfig are the subjects of those paths.
func OfRole(name string) Subject    { return Subject{Path: "roles/" + name, Role: name} }
func OfSession(role string) Subject { return Subject{Path: "sessions/" + role, Role: role} }
func OfConfig() Subject             { return Subject{Path: "config"} }

// StartedAt is the subject with the time at which the work began.
func (s Subject) StartedAt(since time.Time) Subject {
	s.Since = since
	return s
}

// Same is the subject of an event that changed nothing.
func (s Subject) Same() Subject {
	s.Unchanged = true
	return s
}

// Try is the subject with the number of the attempt, from 1.
func (s Subject) Try(attempt int) Subject {
	s.Attempt = attempt
	return s
}

// Reporter tells what happens on one mount.
type Reporter struct {
	Health Health
	// Started is when the mount's plugin began to count.
	Started time.Time

	logger      hclog.Logger
	clock       clock.Clock
	host        Host
	errNoEvents error
	background  *background.Group
	mountPath   atomic.Pointer[string]
	events      queue
	exchanges   metrics.Durations

	mu     sync.Mutex
	counts map[string]int64
}

// New makes a Reporter. errNoEvents is what a host without event notifications answers.
func New(logger hclog.Logger, clk clock.Clock, host Host, errNoEvents error, group *background.Group) *Reporter {
	return &Reporter{
		Started: clk.Now(), logger: logger, clock: clk, host: host, errNoEvents: errNoEvents, background: group, counts: map[string]int64{},
	}
}

// Happened tells log, counters and subscribers of one kind of event. Info is for changes of state
// that an operator may want to know of, and for the end of a credential; what else every reader
// causes is debug.
func (r *Reporter) Happened(level hclog.Level, kind string, s Subject, message string, more ...any) {
	r.Count(kind)
	if s.Path == "" {
		s.Path = "creds/" + s.Role
	}
	r.emit(event{kind: kind, path: s.Path, role: s.Role, id: s.ID, modified: !s.Unchanged})
	r.Log(level, s, message, more...)
}

// Log writes a line that says where it belongs.
func (r *Reporter) Log(level hclog.Level, s Subject, message string, more ...any) {
	if level < r.logger.GetLevel() {
		return
	}
	fields := make([]any, 0, 10+len(more))
	fields = append(fields, "mount", r.MountPath())
	if s.Role != "" {
		fields = append(fields, "role", s.Role)
	}
	if s.ID != "" {
		fields = append(fields, "credential_id", s.ID)
	}
	if s.Attempt > 0 {
		fields = append(fields, "attempt", s.Attempt)
	}
	if !s.Since.IsZero() {
		fields = append(fields, "duration", r.clock.Now().Sub(s.Since).Round(time.Microsecond))
	}
	for _, value := range more {
		if err, is := value.(error); is {
			value = problem.At(r.MountPath(), err.Error())
		}
		fields = append(fields, value)
	}
	r.logger.Log(level, message, fields...)
}

// Count adds one to a counter.
func (r *Reporter) Count(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[kind]++
}

// Counted is a counter since the start of the plugin.
func (r *Reporter) Counted(kind string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[kind]
}

// EventsDropped is the number of events that a host with subscribers did not get.
func (r *Reporter) EventsDropped() int64 { return r.events.count() }

// Recovered logs a panic, if any, without its value, which may hold anything, and tells of it.
func (r *Reporter) Recovered(panicked any, operation string) bool {
	if panicked == nil {
		return false
	}
	r.Log(hclog.Error, Subject{}, "recovered from a panic", "operation", operation, "type", fmt.Sprintf("%T", panicked), "stack", string(debug.Stack()))
	return true
}

// MountPath is the mount's path of the latest request, with a slash at the end; empty before one.
func (r *Reporter) MountPath() string {
	if path := r.mountPath.Load(); path != nil {
		return *path
	}
	return ""
}

// RememberMountPath keeps the path of the latest request that has one.
func (r *Reporter) RememberMountPath(path string) {
	if path != "" && path != r.MountPath() {
		r.mountPath.Store(&path)
	}
}

// Reachability is told by clients when their breaker opens and closes.
func (r *Reporter) Reachability(unreachable bool) {
	if unreachable {
		r.Log(hclog.Info, Subject{}, "ProcessMaker cannot be reached; requests are answered without a call until it is")
		return
	}
	r.Log(hclog.Info, Subject{}, "ProcessMaker is reachable again")
}

// Exchanged is told by clients of every exchange with ProcessMaker.
func (r *Reporter) Exchanged(operation, outcome string, took time.Duration) {
	r.exchanges.Observe(strings.ReplaceAll(operation, " ", "_"), outcome, took)
}

// ExchangeDurations are histograms by operation and outcome.
func (r *Reporter) ExchangeDurations() []metrics.Sample { return r.exchanges.Samples() }
