package trail

import (
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
)

// PluginName is the type of the engine's mounts.
const PluginName = "vault-plugin-secrets-processmaker"

const (
	// afterEnd is how long what ended is kept for lines that come a little late: those of a plugin
	// pass through a pipe.
	afterEnd = 10 * time.Second
	// afterDeadline is how long it is waited for a line about an end at the deadline. Where the
	// server's log is read it is longDelay: ProcessMaker may have been out of reach.
	afterDeadline = 2 * time.Minute
	longDelay     = 24 * time.Hour
	// unanswered is when a request has no answer in the log any more.
	unanswered = 5 * time.Minute
)

// Notes are what an answer may lack, counted.
type Notes struct {
	// Untuned: reads whose fields are HMACs. Hidden: wrapped ones whose credential_id no line tells.
	Untuned, Hidden int
	// ServerLines: lines of the engine in the server's log.
	ServerLines int
	// HashedLeases: ends asked for by a lease id that is an HMAC. HashedFilters: the same of
	// credentials/revoke. Moved: a mount was moved, which ends its leases.
	HashedLeases, HashedFilters, Moved int
	// Unread: credentials whose end is in the server's log and whose read is in no log.
	Unread int
}

// Trail follows the credentials. What is kept is what is alive: a credential until its end is known or
// its deadline has passed, a request until its answer, a child of a Vault token until its end.
type Trail struct {
	Selection *Selection
	// Credential is called with each that is asked for when no more will be known of it.
	Credential func(*Credential)
	// Failure and Change are called as they happen.
	Failure func(Failure)
	Change  func(Change)
	// KeepEvents is set for a history. DropAsked is set where nobody asks for what somebody has ended.
	KeepEvents, DropAsked bool
	Notes                 Notes

	now     time.Time
	live    *index
	users   *users
	tokens  *tokens
	dropped dropped
	pending map[string]pending
	closing []closing
	recent  []recent
	rows    map[string]bool // the requests of the rows shown last
	mounts  map[string]bool // of the engine, as seen
	issued  []issued
	// unplaced are orders about credentials that are not known yet.
	unplaced []unplaced
	// nextLook is when it is looked for requests without an answer again.
	nextLook time.Time
}

// New makes a trail of what is asked for.
func New(selection *Selection) *Trail {
	return &Trail{
		Selection: selection, live: newIndex(), users: newUsers(), tokens: newTokens(), dropped: newDropped(),
		pending: map[string]pending{}, rows: map[string]bool{}, mounts: map[string]bool{},
	}
}

// pending is a request whose answer has not come yet.
type pending struct {
	at    time.Time
	entry *logfile.Entry
}

type closing struct {
	at time.Time
	c  *Credential
}

// recent is a request id that is remembered for a while: two audit devices write each entry twice.
type recent struct {
	at time.Time
	id string
}

// Take follows one record.
func (t *Trail) Take(record logfile.Record) {
	if record.Time.After(t.now) {
		t.now = record.Time
		t.pass()
	}
	switch {
	case record.Entry != nil && record.Entry.IsResponse():
		t.answered(record.Time, record.Entry)
	case record.Entry != nil:
		t.requested(record.Time, record.Entry)
	case record.Line != nil:
		t.serverLine(record.Time, record.Line)
	}
}

// mountOf is the mount of the engine that an entry is about, behind its namespace, and the path below
// it; no path where it is about something else.
func (t *Trail) mountOf(e *logfile.Entry) (mount, rest string) {
	point := strings.TrimPrefix(e.Request.MountPoint, e.Request.Namespace.Path)
	if point == "" { // an old server's
		for _, given := range t.Selection.Mounts {
			if given = strings.Trim(given, "/") + "/"; strings.HasPrefix(e.Request.Path, given) {
				point = given
			}
		}
	}
	mount = e.Request.Namespace.Path + strings.TrimSuffix(point, "/")
	if point == "" || !strings.HasPrefix(e.Request.Path, point) || !t.isOurs(mount, strings.TrimSuffix(point, "/"), e.Request.MountType) {
		return "", ""
	}
	if !t.mounts[mount] {
		t.mounts[mount] = true
	}
	return mount, strings.TrimPrefix(e.Request.Path, point)
}

func (t *Trail) isOurs(mount, point, kind string) bool {
	if len(t.Selection.Mounts) == 0 {
		return kind == PluginName
	}
	for _, given := range t.Selection.Mounts {
		if given = strings.Trim(given, "/"); given == mount || given == point {
			return true
		}
	}
	return false
}

// requested takes the entry of a request. What asks for ends counts from here: a revocation of many
// takes its time, and their ends are logged before it is answered.
func (t *Trail) requested(at time.Time, e *logfile.Entry) {
	if e.Error != "" {
		t.failed(at, e)
		return
	}
	order := t.orderOf(e)
	if order == nil && !t.isRead(e) {
		return
	}
	if _, twice := t.pending[e.Request.ID]; !twice {
		t.pending[e.Request.ID] = pending{at, e}
	}
	if order != nil {
		t.ask(order, at, e)
	}
}

// answered takes the entry of an answer.
func (t *Trail) answered(at time.Time, e *logfile.Entry) {
	began := at
	if asked, known := t.pending[e.Request.ID]; known {
		began = asked.at
		delete(t.pending, e.Request.ID)
	}
	mount, rest := t.mountOf(e)
	if failure := e.Failed(); failure != "" {
		t.failed(at, e)
		if order := t.orderOf(e); order != nil {
			t.refuse(order, began, e, failure)
		}
		return
	}
	if order := t.orderOf(e); order != nil {
		t.fulfil(order, began, at, e)
	}
	switch path := e.Request.Path; {
	case t.isRead(e):
		t.read(began, at, e)
	case rest != "":
		t.below(at, e, mount, rest)
	case path == "sys/leases/renew" || path == "sys/renew" || strings.HasPrefix(path, "sys/leases/renew/") || strings.HasPrefix(path, "sys/renew/"):
		t.renewed(at, e)
	case path == "sys/wrapping/unwrap":
		t.unwrapped(at, e)
	case path == "sys/wrapping/rewrap":
		t.rewrapped(e)
	case strings.HasPrefix(path, "auth/token/"):
		t.tokens.take(at, e)
	case strings.HasPrefix(path, "sys/"):
		t.system(at, e)
	}
}

// pass lets time go by: what is over leaves.
func (t *Trail) pass() {
	for len(t.closing) > 0 && t.now.Sub(t.closing[0].at) > afterEnd {
		t.settle(t.closing[0].c)
		t.closing = t.closing[1:]
	}
	for len(t.live.evictions) > 0 && t.now.After(t.live.evictions[0].evictAt) {
		c := t.live.evictions[0]
		if wait := c.evictAt.Add(longDelay - afterDeadline); t.Notes.ServerLines > 0 && !c.Deadline.IsZero() && c.End == nil && !c.delayed && t.now.Before(wait) {
			c.delayed = true
			c.evictAt = wait
			t.live.reorder(c)
			continue
		}
		t.settle(c)
	}
	for len(t.recent) > 0 && t.now.Sub(t.recent[0].at) > afterEnd {
		delete(t.rows, t.recent[0].id)
		delete(t.live.requests, t.recent[0].id)
		t.recent = t.recent[1:]
	}
	for len(t.issued) > 0 && t.now.Sub(t.issued[0].at) > afterEnd {
		t.claim(t.issued[0])
		t.issued = t.issued[1:]
	}
	for len(t.unplaced) > 0 && t.now.Sub(t.unplaced[0].at) > unanswered {
		t.unplaced = t.unplaced[1:]
	}
	t.tokens.pass(t.now)
	t.dropped.pass(t.now)
	t.giveUp()
}

// giveUp ends the wait for answers, now and then.
func (t *Trail) giveUp() {
	if t.now.Before(t.nextLook) {
		return
	}
	t.nextLook = t.now.Add(time.Minute)
	for id, asked := range t.pending {
		if t.now.Sub(asked.at) > unanswered {
			t.noAnswer(id, asked)
		}
	}
}

func (t *Trail) noAnswer(id string, asked pending) {
	delete(t.pending, id)
	if t.isRead(asked.entry) {
		asked.entry.Error = "no answer in the log: the server or the reader went away"
		t.failed(asked.at, asked.entry)
	}
}

// settle is the end of what can be known of a credential.
func (t *Trail) settle(c *Credential) {
	if c.gone {
		return
	}
	t.live.remove(c)
	if c.Wrapped && !known(c.ID) {
		t.Notes.Hidden++
	}
	if end := c.End; end != nil {
		t.note(c, Event{Time: end.Time, What: "ended", Detail: end.Reason + " (" + end.Source + ")"})
	}
	if t.Credential != nil && t.Selection.matches(c, t.users) {
		t.Credential(c)
	}
}

// Finish ends the trail at the end of the logs.
func (t *Trail) Finish() {
	for _, line := range t.issued {
		t.claim(line)
	}
	for id, asked := range t.pending {
		t.noAnswer(id, asked)
	}
	for len(t.live.evictions) > 0 {
		t.settle(t.live.evictions[0])
	}
}

// Now is the time of the latest record.
func (t *Trail) Now() time.Time { return t.now }

// once tells whether the entry is the first of its request, among the latest.
func (t *Trail) once(e *logfile.Entry) bool {
	if e.Request.ID == "" {
		return true
	}
	if t.rows[e.Request.ID] {
		return false
	}
	t.rows[e.Request.ID] = true
	t.recent = append(t.recent, recent{t.now, e.Request.ID})
	return true
}
