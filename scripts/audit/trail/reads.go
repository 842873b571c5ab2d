package trail

import (
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
)

// isRead tells whether somebody asked for a credential.
func (t *Trail) isRead(e *logfile.Entry) bool {
	_, role := t.readOf(e)
	return role != ""
}

// readOf is the role whose credential is asked for; empty where none is.
func (t *Trail) readOf(e *logfile.Entry) (mount, role string) {
	if !slices.Contains([]string{"read", "update", "create"}, e.Request.Operation) {
		return "", ""
	}
	mount, rest := t.mountOf(e)
	role, leased := strings.CutPrefix(rest, "creds/")
	if !leased {
		role, leased = strings.CutPrefix(rest, "static-creds/")
	}
	if !leased {
		return "", ""
	}
	return mount, role
}

// read takes the answer to somebody who asked for a credential. began is when it was asked for.
func (t *Trail) read(began, at time.Time, e *logfile.Entry) {
	mount, role := t.readOf(e)
	_, rest := t.mountOf(e)
	fields := e.Response.Data.Fields()
	c := &Credential{
		Mount: mount, Role: role, Read: at, Reader: partyOf(e), Reads: 1,
		Shared: strings.HasPrefix(rest, "static-creds/"), Wrapped: e.Response.WrapInfo.Token != "",
		ID: fields.Text("credential_id"), TokenID: fields.Text("token_id"),
		Username: fields.Text("username"), UserID: fields.Text("user_id"), LeaseID: e.Response.Secret.LeaseID,
		asked: began, request: e.Request.ID, slot: -1,
	}
	if !c.Wrapped && c.ID == "" {
		return // an answer without a credential
	}
	c.Deadline = deadlineOf(c.ID)
	t.users.see(c)
	if earlier := t.earlier(c); earlier != nil {
		t.again(earlier, c, e)
		return
	}
	if logfile.IsHash(c.ID) {
		t.Notes.Untuned++
	}
	if !t.Selection.mayMatch(c) {
		t.dropped.add(c)
		return
	}
	t.live.add(c)
	if c.Wrapped {
		t.wrap(c, e)
		t.live.hide(c)
	}
	if !c.Shared {
		t.live.hold(c, keysOf(e)...)
	}
	t.remember(c)
	t.note(c, Event{Time: at, What: "read", By: c.Reader, Detail: e.Request.Path})
}

// keysOf are the forms of a request's Vault token.
func keysOf(e *logfile.Entry) []string {
	return []string{e.Auth.Accessor, e.Auth.ClientToken, e.Request.ClientToken}
}

// remember keeps the request for the entries of other audit devices.
func (t *Trail) remember(c *Credential) {
	if c.request != "" {
		t.live.requests[c.request] = c
		t.recent = append(t.recent, recent{t.now, c.request})
	}
}

// earlier is the credential that is known already: from another audit device's entry of the same
// request, or from other readers of a shared one.
func (t *Trail) earlier(c *Credential) *Credential {
	if known(c.ID) && t.live.ids[c.ID] != nil {
		return t.live.ids[c.ID]
	}
	if c.LeaseID != "" && t.live.leases[c.LeaseID] != nil {
		return t.live.leases[c.LeaseID]
	}
	return t.live.requests[c.request]
}

// again takes another read of a credential that is known.
func (t *Trail) again(c, read *Credential, e *logfile.Entry) {
	if c.request == read.request {
		// Another audit device's entry: its HMACs are others.
		if read.Wrapped {
			t.wrap(c, e)
		}
		t.matchHashes(c, e.Response.Data.Fields())
		if !c.Shared {
			t.live.hold(c, keysOf(e)...)
		}
		return
	}
	if !c.Shared || !t.once(e) {
		return
	}
	c.Reads++
	if !c.Reader.same(read.Reader) && !slices.ContainsFunc(c.Others, read.Reader.same) {
		c.Others = append(c.Others, read.Reader)
	}
	t.note(c, Event{Time: read.Read, What: "read", By: read.Reader, Detail: e.Request.Path})
}

// matchHashes looks for what is asked for by its HMAC, of a token that a renewal made say.
func (t *Trail) matchHashes(c *Credential, fields logfile.Fields) {
	if id := fields.Text("token_id"); id != "" && slices.Contains(t.Selection.Tokens, id) {
		c.matched = true
	}
	if id := fields.Text("credential_id"); logfile.IsHash(id) {
		if slices.Contains(t.Selection.Credentials, id) && !known(c.ID) {
			c.ID = id
		}
		if known(c.ID) {
			learn(&t.Selection.Credentials, c.ID, id)
		}
	}
	if name := fields.Text("username"); logfile.IsHash(name) {
		if known(c.Username) {
			learn(&t.Selection.Users, c.Username, name)
		} else if !logfile.IsHash(c.Username) || slices.Contains(t.Selection.Users, name) {
			c.Username, c.UserID = name, fields.Text("user_id")
		}
	}
}

// learn adds the HMAC of a value that is asked for to what is asked for: the answer to a renewal
// shows it beside a lease whose fields are known.
func learn(given *[]string, value, hash string) {
	if slices.Contains(*given, value) && !slices.Contains(*given, hash) {
		*given = append(*given, hash)
	}
}

// renewed takes the answer to a renewal.
func (t *Trail) renewed(at time.Time, e *logfile.Entry) {
	c := t.live.leases[e.Response.Secret.LeaseID]
	if c == nil {
		return
	}
	if hash := e.Request.Data.Fields().Text("lease_id"); logfile.IsHash(hash) && c.leaseHash == "" {
		c.leaseHash = hash
		t.live.hashes[hash] = c
	}
	t.matchHashes(c, e.Response.Data.Fields())
	by := partyOf(e)
	if !by.same(c.Reader) && (c.Unwrapper == nil || !by.same(*c.Unwrapper)) {
		c.Stranger = &by
	}
	if c.renewal != e.Request.ID || e.Request.ID == "" {
		c.Renewals++
		c.Renewed, c.renewal = at, e.Request.ID
		t.note(c, Event{Time: at, What: "renewal", By: by, Detail: e.Response.Secret.LeaseID})
	}
}

// wrap keeps what joins a wrapped answer with its unwrapping.
func (t *Trail) wrap(c *Credential, e *logfile.Entry) {
	for _, key := range []string{e.Response.WrapInfo.Token, e.Response.WrapInfo.Accessor} {
		if key != "" && t.live.wraps[key] == nil {
			t.live.wraps[key] = c
			c.wrapKeys = append(c.wrapKeys, key)
		}
	}
}

// wrappedBy is the wrapped credential that a request names: in its body, or with its own token.
func (t *Trail) wrappedBy(e *logfile.Entry) *Credential {
	for _, key := range append([]string{e.Request.Data.Fields().Text("token")}, append(keysOf(e), e.Request.Accessor)...) {
		if c := t.live.wraps[key]; key != "" && c != nil {
			return c
		}
	}
	return nil
}

// unwrapped takes the answer to an unwrap, which has the lease in clear.
func (t *Trail) unwrapped(at time.Time, e *logfile.Entry) {
	c := t.wrappedBy(e)
	if c == nil {
		return
	}
	fields := e.Response.Data.Fields()
	if lease := e.Response.Secret.LeaseID; lease != "" && c.LeaseID == "" {
		c.LeaseID = lease
		t.live.leases[lease] = c
	}
	if c.ID == "" {
		c.ID = fields.Text("credential_id")
	}
	if c.TokenID == "" {
		c.TokenID = fields.Text("token_id")
	}
	t.matchHashes(c, fields)
	if c.Unwrapper != nil {
		return
	}
	by := partyOf(e)
	c.Unwrapper, c.Unwrapped = &by, at
	t.note(c, Event{Time: at, What: "unwrapped", By: by, Detail: e.Request.Path})
}

// rewrapped takes the answer to a rewrap: the answer lies under another token.
func (t *Trail) rewrapped(e *logfile.Entry) {
	if c := t.wrappedBy(e); c != nil {
		t.wrap(c, e)
	}
}

// note keeps an event for a history.
func (t *Trail) note(c *Credential, event Event) {
	if t.KeepEvents {
		c.Events = append(c.Events, event)
	}
}
