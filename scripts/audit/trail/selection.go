package trail

import (
	"slices"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
)

// Selection is which credentials are asked for: all that have one of the values of each kind that is
// given. A value may be an HMAC of one audit device.
type Selection struct {
	// Mounts are paths of the engine; none: wherever its plugin is mounted under its own name.
	Mounts                                      []string
	Users, Roles, Entities, Credentials, Tokens []string
	// From and To are a time in which it may have been alive.
	From, To time.Time
}

// has tells whether a value is among those given, or none is.
func has(given []string, values ...string) bool {
	if len(given) == 0 {
		return true
	}
	return slices.ContainsFunc(values, func(value string) bool { return value != "" && slices.Contains(given, value) })
}

// mayMatch tells at its read whether a credential can be one that is asked for. Nothing is kept of
// others.
func (s *Selection) mayMatch(c *Credential) bool {
	if !has(s.Roles, c.Role) || (!s.To.IsZero() && !c.Read.IsZero() && c.Read.After(s.To)) {
		return false
	}
	if c.Wrapped || c.Shared {
		return true // the person may be another, and of a wrapped one nothing is known yet
	}
	if !has(s.Entities, c.Reader.EntityID, c.Reader.Who) {
		return false
	}
	if known(c.ID) && !has(s.Credentials, c.ID) && !slices.ContainsFunc(s.Credentials, logfile.IsHash) {
		return false
	}
	return !known(c.Username) || has(s.Users, c.Username, c.UserID) || slices.ContainsFunc(s.Users, logfile.IsHash)
}

// matches tells whether a credential of which everything is known that will be is asked for.
func (s *Selection) matches(c *Credential, users *users) bool {
	people := []string{c.Reader.EntityID, c.Reader.Who}
	for _, other := range c.Others {
		people = append(people, other.EntityID, other.Who)
	}
	if c.Unwrapper != nil {
		people = append(people, c.Unwrapper.EntityID, c.Unwrapper.Who)
	}
	switch {
	case !has(s.Roles, c.Role), !has(s.Entities, people...), !has(s.Credentials, c.ID):
		return false
	case !c.matched && !has(s.Tokens, c.TokenID, c.LastTokenID):
		return false
	case !s.From.IsZero() && !c.over().IsZero() && c.over().Before(s.From):
		return false
	case !s.To.IsZero() && c.Read.After(s.To):
		return false
	}
	return s.matchesUser(c, users)
}

// matchesUser: where the logs do not tell whose rights a credential has, that of a role whose user is
// not known to be another is shown.
func (s *Selection) matchesUser(c *Credential, users *users) bool {
	if !known(c.Username) {
		c.UserUnknown, c.LikelyUser = true, users.likely(c)
	}
	return has(s.Users, c.Username, c.UserID) || c.UserUnknown && users.mayBe(c, s.Users)
}

// Began is when it was read, or issued, or else ended.
func (c *Credential) Began() time.Time {
	switch {
	case !c.Read.IsZero():
		return c.Read
	case !c.asked.IsZero():
		return c.asked
	case c.End != nil:
		return c.End.Time
	}
	return time.Time{}
}

// over is when it was dead at the latest; zero where nothing is known.
func (c *Credential) over() time.Time {
	if c.End != nil {
		return c.End.Time
	}
	return c.Deadline
}

// mostUsers is how many users of a role are told apart; a role whose user is the reader's own has as
// many as it has readers.
const mostUsers = 16

// users are those that the reads of each role were for.
type users struct {
	seen map[string]map[string]string // by role and name, their ids
	// written is when a role was written last: its user may be another since.
	written map[string]time.Time
}

func newUsers() *users {
	return &users{seen: map[string]map[string]string{}, written: map[string]time.Time{}}
}

func (u *users) see(c *Credential) {
	if !known(c.Username) {
		return
	}
	key := c.Mount + "/" + c.Role
	if u.seen[key] == nil {
		u.seen[key] = map[string]string{}
	}
	if len(u.seen[key]) < mostUsers {
		u.seen[key][c.Username] = c.UserID
	}
}

// wrote notes that a role was written.
func (u *users) wrote(mount, role string, at time.Time) {
	delete(u.seen, mount+"/"+role)
	u.written[mount+"/"+role] = at
}

// of are the users of the role of a credential; none where they cannot be told.
func (u *users) of(c *Credential) map[string]string {
	key := c.Mount + "/" + c.Role
	if seen := u.seen[key]; len(seen) < mostUsers && !c.Began().Before(u.written[key]) {
		return seen
	}
	return nil
}

// mayBe tells whether a credential may be one of the given users'.
func (u *users) mayBe(c *Credential, given []string) bool {
	seen := u.of(c)
	for name, id := range seen {
		if has(given, name, id) {
			return true
		}
	}
	return len(seen) == 0
}

// likely is the one user of a role that others have read.
func (u *users) likely(c *Credential) string {
	seen := u.of(c)
	for name := range seen {
		if len(seen) == 1 {
			return name
		}
	}
	return ""
}
