package main

import (
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// What happens to the things of a mount, as its events and counters name it.
const (
	credsCreated   = "creds-create"
	credsRenewed   = "creds-renew"
	credsRevoked   = "creds-revoke"
	sessionStarted = "session-create"
	sessionRenewed = "session-renew"
	sessionLost    = "session-lost"
	sessionEnded   = "session-delete"
	configWritten  = "config-write"
	configDeleted  = "config-delete"
	roleWritten    = "role-write"
	roleDeleted    = "role-delete"
	roleRotated    = "role-rotate"
	ledgerEnded    = "ledger-end"
	ledgerDue      = "ledger-due"
	// ledgerUnaccounted: a token may live that nothing here knows.
	ledgerUnaccounted = "ledger-unaccounted"
)

// Failures are counted, and told to who asked; they are no events.
const (
	credsCreateFailed = "creds-create-failed"
	credsRenewFailed  = "creds-renew-failed"
	credsRevokeFailed = "creds-revoke-failed"
	ledgerEndFailed   = "ledger-end-failed"
)

// about says what a notice is about.
type about struct {
	// path is below the mount; empty for the role's credentials.
	path string
	role string
	id   ledger.ID
	// since is when the work began whose end is told; attempt counts the tries.
	since   time.Time
	attempt int
	// unchanged: nothing was stored or ended by it.
	unchanged bool
}

func aboutRecord(record *ledger.Record) about {
	a := about{role: record.Role, id: record.ID}
	if record.Shared {
		a.path = "static-creds/" + record.Role
	}
	return a
}

func (a about) startedAt(since time.Time) about {
	a.since = since
	return a
}

func (a about) try(attempt int) about {
	a.attempt = attempt
	return a
}

// notice tells the log, the counters and who subscribes to events of something
// that happened. At info are changes of state that an operator may want to know
// of; what every reader causes is at debug.
func (b *backend) notice(level hclog.Level, happened string, a about, message string, more ...any) {
	b.counters.add(happened)
	if a.path == "" {
		a.path = "creds/" + a.role
	}
	b.emit(event{kind: happened, path: a.path, role: a.role, id: string(a.id), modified: !a.unchanged})
	b.log(level, a, message, more...)
}

// log writes a line that says where it belongs.
func (b *backend) log(level hclog.Level, a about, message string, more ...any) {
	logger := b.Logger()
	if level < logger.GetLevel() {
		return
	}
	fields := make([]any, 0, 10+len(more))
	fields = append(fields, "mount", b.mountPath())
	if a.role != "" {
		fields = append(fields, "role", a.role)
	}
	if a.id != "" {
		fields = append(fields, "credential_id", a.id)
	}
	if a.attempt > 0 {
		fields = append(fields, "attempt", a.attempt)
	}
	if !a.since.IsZero() {
		fields = append(fields, "duration", b.clock.Now().Sub(a.since).Round(time.Microsecond))
	}
	logger.Log(level, message, append(fields, more...)...)
}

// mountPath is where the mount is, as its latest request named it. It is empty
// before the first.
func (b *backend) mountPath() string {
	if path := b.mountPoint.Load(); path != nil {
		return *path
	}
	return ""
}

func (b *backend) rememberMount(path string) {
	if path != "" && path != b.mountPath() {
		b.mountPoint.Store(&path)
	}
}

// counters count what has happened since the plugin started.
type counters struct {
	mu    sync.Mutex
	count map[string]int64
}

func (c *counters) add(happened string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[string]int64{}
	}
	c.count[happened]++
}

func (c *counters) of(happened string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[happened]
}

// noteLogin tells the log when the login of a role breaks and when it works
// again.
func (b *backend) noteLogin(role *loadedRole, auth authClient, err error) {
	if err != nil && !isRefusal(err) {
		return
	}
	if !b.health.Of(role.name).LoggedIn(err != nil) {
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
