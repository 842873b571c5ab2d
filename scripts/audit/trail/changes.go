package trail

import (
	"maps"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
)

// Failure is a read that gave nobody a credential.
type Failure struct {
	Time       time.Time
	By         Party
	Path, Role string
	Why        string
}

// Change is a write to what decides who gets what.
type Change struct {
	Time            time.Time
	By              Party
	Operation, Path string
	Fields          []string
}

// failed tells of a read that failed.
func (t *Trail) failed(at time.Time, e *logfile.Entry) {
	_, role := t.readOf(e)
	if t.Failure == nil || role == "" || !has(t.Selection.Roles, role) ||
		!has(t.Selection.Entities, e.Auth.EntityID, e.Auth.DisplayName) || !t.Selection.within(at) || !t.once(e) {
		return
	}
	why := e.Response.Data.Fields().Text("error")
	if why == "" || logfile.IsHash(why) && e.Error != "" {
		why = e.Error
	}
	why = strings.Join(strings.Fields(why), " ")
	t.Failure(Failure{Time: at, By: partyOf(e), Path: e.Request.Path, Role: role, Why: why})
}

func (s *Selection) within(at time.Time) bool {
	return (s.From.IsZero() || !at.Before(s.From)) && (s.To.IsZero() || !at.After(s.To))
}

// writes are the operations that change something.
var writes = []string{"create", "update", "patch", "delete"}

// below takes the answers of the engine that are not about a read.
func (t *Trail) below(at time.Time, e *logfile.Entry, mount, rest string) {
	area, name, _ := strings.Cut(rest, "/")
	if id, is := strings.CutPrefix(rest, "credentials/"); is && e.Request.Operation == "read" {
		if c := t.live.ids[id]; c != nil && t.once(e) {
			t.note(c, Event{Time: at, What: "looked up", By: partyOf(e), Detail: e.Request.Path})
		}
		return
	}
	if !slices.Contains(writes, e.Request.Operation) {
		return
	}
	switch area {
	case "roles":
		t.users.wrote(mount, name, at)
		fallthrough
	case "config", "rotate-role", "sessions":
		t.changed(at, e, name)
	}
}

// system takes the answers of sys/ that change a mount of the engine.
func (t *Trail) system(at time.Time, e *logfile.Entry) {
	if !slices.Contains(writes, e.Request.Operation) {
		return
	}
	if e.Request.Path == "sys/remount" {
		t.Notes.Moved++
		return
	}
	mount, is := strings.CutPrefix(e.Request.Path, "sys/mounts/")
	mount = strings.TrimSuffix(strings.TrimSuffix(mount, "/tune"), "/")
	if is && t.hasSeen(e.Request.Namespace.Path, mount) {
		t.changed(at, e, "")
	}
}

// hasSeen tells whether a mount is one of the engine's, as far as can be told: the entry of its tuning
// names the mount of sys/ alone.
func (t *Trail) hasSeen(namespace, mount string) bool {
	return t.isOurs(namespace+mount, mount, "") || t.mounts[namespace+mount]
}

func (t *Trail) changed(at time.Time, e *logfile.Entry, role string) {
	if t.Change == nil || !t.Selection.within(at) || !has(t.Selection.Entities, e.Auth.EntityID, e.Auth.DisplayName) ||
		!has(t.Selection.Roles, role) || !t.once(e) {
		return
	}
	fields := slices.Sorted(maps.Keys(e.Request.Data.Fields()))
	t.Change(Change{Time: at, By: partyOf(e), Operation: e.Request.Operation, Path: e.Request.Path, Fields: fields})
}
