package trail

import (
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
)

// sources orders what is known of an end: the engine's own line says most.
var sources = map[string]int{FromEngine: 3, FromAnswer: 2, FromVault: 1}

// end notes an end. What is known of it may get better for a while.
func (t *Trail) end(c *Credential, end End) {
	if c.End != nil && sources[c.End.Source] >= sources[end.Source] {
		return
	}
	c.End = &end
	if !c.closing {
		c.closing = true
		t.closing = append(t.closing, closing{t.now, c})
	}
}

// shared calls do with the shared credentials of a mount's role, or of all its roles.
func (x *index) shared(mount, role string, do func(*Credential)) {
	for path, chain := range x.paths {
		if path == mount+"/static-creds/"+role || (role == "" && strings.HasPrefix(path, mount+"/static-creds/")) {
			chain.each(do)
		}
	}
}

// filtered calls do with the credentials of a mount that match all of some fields.
func (x *index) filtered(mount string, filter map[string]string, do func(*Credential)) {
	for _, chain := range x.paths {
		chain.each(func(c *Credential) {
			is := map[string]string{"role": c.Role, "username": c.Username, "user_id": c.UserID, "entity_id": c.Reader.EntityID}
			if c.Mount != mount {
				return
			}
			for name, value := range filter {
				if is[name] != value {
					return
				}
			}
			do(c)
		})
	}
}

// issued is the engine's line about a new credential.
type issued struct {
	at   time.Time
	line *logfile.ServerLine
}

// serverLine takes a line of the server's log.
func (t *Trail) serverLine(at time.Time, line *logfile.ServerLine) {
	if line.CredentialID == "" {
		if c := t.live.leases[line.LeaseID]; line.LeaseID != "" && line.Message == "revoked lease" && c != nil && !c.handed {
			t.end(c, End{Time: at, Reason: "lease", Source: FromVault})
		}
		return
	}
	mount := strings.TrimSuffix(line.Mount, "/")
	if len(t.Selection.Mounts) > 0 && !t.isOurs(mount, mount, "") {
		return
	}
	t.Notes.ServerLines++
	c := t.live.ids[line.CredentialID]
	switch {
	case line.DueAs != "":
		if c != nil {
			c.handed = true
			t.live.ids[line.DueAs] = c
			c.aliases = append(c.aliases, line.DueAs)
			t.note(c, Event{Time: at, What: "left to the ledger", Detail: line.Message})
		}
	case isEnd(line):
		t.endLine(at, line, c, mount)
	case line.Message == "credential issued" || line.Message == "shared credential rotated":
		if c == nil {
			t.issued = append(t.issued, issued{at, line})
		}
	case c != nil:
		if has(t.Selection.Tokens, line.TokenID) {
			c.matched = true
		}
		t.note(c, Event{Time: at, What: "engine's log", Detail: line.Message})
	}
}

// isEnd tells whether a line says that a credential has ended.
func isEnd(line *logfile.ServerLine) bool {
	return strings.HasPrefix(line.Message, "credential ended")
}

// endLine takes the engine's line about an end.
func (t *Trail) endLine(at time.Time, line *logfile.ServerLine, c *Credential, mount string) {
	if c == nil {
		if t.dropped.has(line.CredentialID) {
			return
		}
		if c = t.hiddenFor(line, mount); c != nil {
			t.name(c, line)
		} else if c = t.unread(line, mount); c == nil {
			return
		}
	}
	if line.TokenID != "" && line.TokenID != c.TokenID {
		if known(c.TokenID) {
			c.LastTokenID = line.TokenID
		} else {
			c.TokenID = line.TokenID
		}
	}
	reason := line.Reason
	if reason == "" {
		reason = strings.TrimPrefix(line.Message, "credential ended")
		reason = strings.TrimSpace(strings.TrimPrefix(reason, " by the"))
	}
	if reason == "" {
		reason = "lease"
	}
	t.end(c, End{Time: at, Reason: reason, Source: FromEngine})
}

// name gives a wrapped credential what a line tells of it.
func (t *Trail) name(c *Credential, line *logfile.ServerLine) {
	t.live.uncover(c)
	c.ID, c.Deadline = line.CredentialID, deadlineOf(line.CredentialID)
	if !known(c.TokenID) {
		c.TokenID = line.TokenID
	}
	t.live.ids[c.ID] = c
	t.live.evict(c)
	t.place(c)
	if !has(t.Selection.Credentials, c.ID) {
		t.live.remove(c)
	}
}

// unread is a credential of which the server's log tells alone.
func (t *Trail) unread(line *logfile.ServerLine, mount string) *Credential {
	c := &Credential{
		Mount: mount, Role: line.Role, ID: line.CredentialID, TokenID: line.TokenID, slot: -1,
		Reader: Party{Who: line.DisplayName, EntityID: line.EntityID}, Deadline: deadlineOf(line.CredentialID), asked: line.Issued(),
	}
	if !t.Selection.mayMatch(c) {
		return nil
	}
	t.Notes.Unread++
	t.live.add(c)
	t.place(c)
	return c
}

// hiddenFor is the wrapped read that a line about an end belongs to: of the same reader and role, and
// where the line says when it was issued, at that time. Nothing is guessed: of two that may be it,
// it is neither.
func (t *Trail) hiddenFor(line *logfile.ServerLine, mount string) (found *Credential) {
	when := line.Issued()
	for _, c := range t.live.hidden[hiddenKey(mount, line.Role, line.EntityID, line.DisplayName)] {
		if !when.IsZero() && !c.issuedAt(when) {
			continue
		}
		if found != nil {
			return nil
		}
		found = c
	}
	return found
}

// clockSlack is how much the times of the engine and of the audit log may differ.
const clockSlack = 20 * time.Millisecond

// issuedAt tells whether it can have been issued then: while its reader waited.
func (c *Credential) issuedAt(when time.Time) bool {
	return !when.Before(c.asked.Add(-clockSlack)) && !when.After(c.Read.Add(clockSlack))
}

// claim joins the engine's line about a new credential with a wrapped read, once every read of the
// time has been seen.
func (t *Trail) claim(one issued) {
	if t.live.ids[one.line.CredentialID] != nil || t.dropped.has(one.line.CredentialID) {
		return
	}
	mount := strings.TrimSuffix(one.line.Mount, "/")
	var found *Credential
	for _, hidden := range t.live.hidden {
		for _, c := range hidden {
			if c.Mount != mount || c.Role != one.line.Role || !c.issuedAt(one.at) || c.Shared ||
				(one.line.EntityID != "" && one.line.EntityID != c.Reader.EntityID) {
				continue
			}
			if found != nil {
				return
			}
			found = c
		}
	}
	if found != nil {
		t.name(found, one.line)
	}
}
