package trail

import (
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
)

// order is a request that something ends.
type order struct {
	how string
	// each calls do with each live credential that it is about.
	each func(do func(*Credential))
	// force: Vault lets go of the lease whether the token has ended or not.
	force bool
	// proves tells of the answer whether it says that they have ended.
	proves func(*logfile.Entry) bool
	// blind counts an answer whose order cannot be followed, because it is an HMAC.
	blind *int
}

func never(*logfile.Entry) bool { return false }

// orderOf is what a request asks to end; nil where it asks for nothing of the kind.
func (t *Trail) orderOf(e *logfile.Entry) *order {
	operation := e.Request.Operation
	if operation == "read" || operation == "help" || operation == "list" {
		return nil
	}
	path := e.Request.Path
	if rest, is := strings.CutPrefix(path, "sys/"); is {
		return t.orderOfSystem(e, rest, operation)
	}
	if rest, is := strings.CutPrefix(path, "auth/token/revoke"); is {
		return t.orderOfTokens(e, rest)
	}
	if mount, rest := t.mountOf(e); rest != "" {
		return t.orderOfMount(e, mount, rest)
	}
	return nil
}

// orderOfSystem: leases by id and by prefix, and whole mounts.
func (t *Trail) orderOfSystem(e *logfile.Entry, rest, operation string) *order {
	namespace := e.Request.Namespace.Path
	rest = strings.TrimPrefix(rest, "leases/")
	name, target, _ := strings.Cut(rest, "/")
	switch {
	case name == "revoke":
		return t.orderOfLease(e, target)
	case name == "revoke-prefix" && target != "":
		return &order{how: "lease revoke -prefix " + target, each: t.byPrefix(namespace, target), proves: synchronous}
	case name == "revoke-force" && target != "":
		return &order{how: "lease revoke -force -prefix " + target, each: t.byPrefix(namespace, target), force: true, proves: never}
	case name == "mounts" && operation == "delete":
		each := func(do func(*Credential)) {
			t.live.below(namespace, target, do)
			t.live.shared(namespace+strings.TrimSuffix(target, "/"), "", do)
		}
		return &order{how: "secrets disable " + target, each: each, proves: leasesOnly}
	case name == "auth" && operation == "delete":
		return &order{how: "auth disable " + target, each: t.byLogin("auth/" + target), proves: never}
	}
	return nil
}

// synchronous tells whether a revocation was done when it was answered. What was queued is answered
// with 202.
func synchronous(e *logfile.Entry) bool {
	return e.Response.Data.Fields().Text("http_status_code") != "202"
}

// leasesOnly: a mount that is gone has ended its leases.
func leasesOnly(*logfile.Entry) bool { return true }

// orderOfLease: the lease id stands in the path, or in the body, as an HMAC.
func (t *Trail) orderOfLease(e *logfile.Entry, lease string) *order {
	if lease == "" {
		lease = e.Request.Data.Fields().Text("lease_id")
	}
	o := &order{how: "lease revoke", proves: synchronous}
	c := t.live.leases[lease]
	if c == nil {
		c = t.live.hashes[lease]
	}
	if c == nil && logfile.IsHash(lease) {
		o.blind = &t.Notes.HashedLeases
	}
	o.each = func(do func(*Credential)) {
		if c != nil {
			do(c)
		}
	}
	return o
}

func (t *Trail) byPrefix(namespace, prefix string) func(func(*Credential)) {
	if strings.HasPrefix(prefix, "auth/") {
		return t.byLogin(prefix)
	}
	return func(do func(*Credential)) { t.live.below(namespace, prefix, do) }
}

// byLogin: what those hold who came in by an auth mount. Vault begins the display name of a login with
// the mount's path.
func (t *Trail) byLogin(path string) func(func(*Credential)) {
	path = strings.TrimPrefix(path, "auth/")
	mount, _, _ := strings.Cut(path, "/login")
	name := strings.ReplaceAll(strings.Trim(mount, "/"), "/", "-")
	return func(do func(*Credential)) {
		for _, chain := range t.live.paths {
			chain.each(func(c *Credential) {
				if !c.Shared && (c.Reader.Who == name || strings.HasPrefix(c.Reader.Who, name+"-")) {
					do(c)
				}
			})
		}
	}
}

// orderOfTokens: the end of a Vault token ends its leases, after the answer.
func (t *Trail) orderOfTokens(e *logfile.Entry, kind string) *order {
	var keys []string
	fields := e.Request.Data.Fields()
	how := "the end of the reader's Vault token"
	switch kind {
	case "-self":
		keys = keysOf(e)
	case "", "-orphan":
		keys = []string{fields.Text("token")}
	case "-accessor":
		keys = []string{fields.Text("accessor")}
	default:
		return nil
	}
	return &order{how: how + " (token revoke" + kind + ")", proves: never, each: func(do func(*Credential)) {
		for _, key := range keys {
			if h := t.live.holders[key]; key != "" && h != nil {
				keys = append(keys, h.keys...)
				break
			}
		}
		seen := map[*holder]bool{}
		for _, key := range t.tokens.family(kind != "-orphan", keys...) {
			if h := t.live.holders[key]; key != "" && h != nil && !seen[h] {
				seen[h] = true
				h.each(do)
			}
		}
	}}
}

// orderOfMount: what the engine itself is asked to end.
func (t *Trail) orderOfMount(e *logfile.Entry, mount, rest string) *order {
	switch id, is := strings.CutSuffix(strings.TrimPrefix(rest, "credentials/"), "/revoke"); {
	case rest == "credentials/revoke":
		return t.orderOfFilter(e, mount)
	case is && strings.HasPrefix(rest, "credentials/"):
		o := &order{how: "credentials/<id>/revoke", proves: leasesOnly}
		o.each = func(do func(*Credential)) {
			if c := t.live.ids[id]; c != nil {
				do(c)
			} else if !e.IsResponse() && !t.dropped.has(id) {
				t.unplaced = append(t.unplaced, unplaced{t.now, id, Ask{Time: t.now, By: partyOf(e), How: o.how, request: e.Request.ID}})
			}
		}
		return o
	}
	if role, is := strings.CutPrefix(rest, "roles/"); is && e.Request.Operation == "delete" {
		each := func(do func(*Credential)) { t.live.shared(mount, role, do) }
		return &order{how: "the role was deleted", each: each, proves: never}
	}
	return nil
}

// endedAll tells whether all that matched have ended.
func endedAll(e *logfile.Entry) bool {
	fields := e.Response.Data.Fields()
	matched, _ := fields.Number("matched")
	ended, is := fields.Number("ended")
	return is && matched > 0 && matched == ended
}

// orderOfFilter: what the filters of credentials/revoke match. A dry run matches nothing. A filter whose
// value is an HMAC cannot be followed.
func (t *Trail) orderOfFilter(e *logfile.Entry, mount string) *order {
	o := &order{how: "credentials/revoke", proves: endedAll, each: func(func(*Credential)) {}}
	fields := e.Request.Data.Fields()
	filter := map[string]string{}
	hashed := logfile.IsHash(fields.Text("all")) || logfile.IsHash(fields.Text("dry_run"))
	for _, name := range []string{"role", "username", "user_id", "entity_id"} {
		if value := fields.Text(name); value != "" {
			filter[name] = value
			hashed = hashed || logfile.IsHash(value)
		}
	}
	switch {
	case fields.Text("dry_run") == "true":
	case hashed:
		if ended, _ := e.Response.Data.Fields().Number("ended"); ended > 0 {
			o.blind = &t.Notes.HashedFilters
		}
	case len(filter) > 0 || fields.Text("all") == "true":
		o.each = func(do func(*Credential)) { t.live.filtered(mount, filter, do) }
	}
	return o
}

// ask notes that an end was asked for.
func (t *Trail) ask(o *order, at time.Time, e *logfile.Entry) {
	by := partyOf(e)
	o.each(func(c *Credential) {
		if c.End != nil && at.After(c.End.Time) {
			return
		}
		if c.handed = c.handed || o.force; c.Ask != nil {
			return
		}
		c.Ask = &Ask{Time: at, By: by, How: o.how, request: e.Request.ID}
		if c.Deadline.IsZero() {
			c.evictAt = at.Add(longDelay)
			t.live.reorder(c)
		}
		t.note(c, Event{Time: at, What: "end asked for", By: by, Detail: o.how})
	})
}

// refuse takes back what a request asked for that failed.
func (t *Trail) refuse(o *order, at time.Time, e *logfile.Entry, failure string) {
	by := partyOf(e)
	t.unplaced = slices.DeleteFunc(t.unplaced, func(one unplaced) bool { return one.ask.request == e.Request.ID })
	o.each(func(c *Credential) {
		ask := c.Ask
		if ask == nil || ask.request != e.Request.ID {
			ask = &Ask{Time: at, By: by, How: o.how, request: e.Request.ID}
		} else {
			c.Ask = nil
		}
		ask.Failure = failure
		c.Refused = ask
		t.note(c, Event{Time: at, What: "end not reached", By: by, Detail: o.how + ": " + failure})
	})
}

// unplaced is an order about a credential that is not known yet: a wrapped one, whose id only the line
// about its end tells.
type unplaced struct {
	at  time.Time
	id  string
	ask Ask
}

// place gives a credential the order that has come before its name.
func (t *Trail) place(c *Credential) {
	for i := range t.unplaced {
		if t.unplaced[i].id == c.ID && c.Ask == nil {
			c.Ask = &t.unplaced[i].ask
		}
	}
}

// fulfil takes the answer to a request that did not fail.
func (t *Trail) fulfil(o *order, began, at time.Time, e *logfile.Entry) {
	if o.blind != nil {
		*o.blind++
	}
	t.ask(o, began, e)
	proves := o.proves(e)
	o.each(func(c *Credential) {
		switch {
		case t.DropAsked:
			t.live.remove(c)
			t.dropped.add(c)
		case proves:
			t.end(c, End{Time: at, Reason: "asked for", Source: FromAnswer})
		case c.Ask != nil && c.Ask.request == e.Request.ID:
			c.Ask.Queued = true
		}
	})
}
