package processmakertest

import (
	"slices"
	"strings"
	"time"
)

// The grants as Token.Grant and the parameter grant_type name them.
const (
	grantPassword          = "password"
	grantRefresh           = "refresh_token"
	grantAuthorizationCode = "authorization_code"
	grantClientCredentials = "client_credentials"
	grantPersonalAccess    = "personal_access"
)

// database holds the tables. It has no lock of its own: all use goes through
// the server's, as one step often needs several tables.
type database struct {
	source  source
	users   []*userRow
	clients []*clientRow
	tokens  []*tokenRow // in order of creation
	byID    map[string]*tokenRow
	refresh map[string]*refreshRow
	codes   map[string]*codeRow
	// sessions are the browsers that the server knows, by cookie.
	sessions map[string]*webSession
	// made numbers what was derived from the source, so that nothing repeats.
	made uint64
	// appKey and passportKey count the changes of the two keys of an instance.
	appKey, passportKey uint64
}

type clientRow struct {
	Client
	createdAt time.Time
}

// tokenRow is an access token. The name is what tells a token that was made
// by the API from one that came out of a grant.
type tokenRow struct {
	id                              string
	userID                          int64 // 0 for a token without a user
	clientID                        int64
	name                            string
	named                           bool
	scopes                          []string
	revoked                         bool
	createdAt, updatedAt, expiresAt time.Time
	grant                           string
	passportKey                     uint64
	issuedIn                        *record
}

type refreshRow struct {
	accessTokenID string
	clientID      int64
	revoked       bool
	expiresAt     time.Time
	appKey        uint64
}

type codeRow struct{ revoked bool }

func newDatabase(config Config, w *world, now time.Time) *database {
	d := &database{
		source:  source{seed: []byte("processmakertest " + config.Seed)},
		byID:    map[string]*tokenRow{},
		refresh: map[string]*refreshRow{},
		codes:   map[string]*codeRow{},

		sessions: map[string]*webSession{},
	}
	for _, u := range w.start.users() {
		d.putUser(u, now)
	}
	for _, c := range w.start.clients() {
		c.PlainSecret = config.PlainSecrets
		if config.UnmendedPersonalClient && c.PersonalAccess {
			c.OwnerID = 0
		}
		d.putClient(c, now)
	}
	return d
}

// next numbers a thing that is about to be derived.
func (d *database) next() uint64 {
	d.made++
	return d.made
}

func (d *database) userByName(username string) *userRow {
	for _, u := range d.users {
		if sameUsername(u.Username, username) {
			return u
		}
	}
	return nil
}

func (d *database) userByID(id int64) *userRow {
	for _, u := range d.users {
		if u.ID == id {
			return u
		}
	}
	return nil
}

// presentUser is userByID for everyone but those who were deleted.
func (d *database) presentUser(id int64) *userRow {
	if u := d.userByID(id); u != nil && !u.Deleted {
		return u
	}
	return nil
}

func (d *database) clientByID(id int64) *clientRow {
	for _, c := range d.clients {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// activeClient is clientByID for clients that were not revoked.
func (d *database) activeClient(id int64) *clientRow {
	if c := d.clientByID(id); c != nil && !c.Revoked {
		return c
	}
	return nil
}

// putUser adds a user, or replaces the one of the same name, and fills in what
// is empty.
func (d *database) putUser(u User, now time.Time) *userRow {
	row := d.userByName(u.Username)
	if row == nil {
		row = &userRow{createdAt: now}
		d.users = append(d.users, row)
	} else if u.ID == 0 {
		u.ID = row.ID
	}
	for highest := int64(0); u.ID == 0; u.ID = highest + 1 {
		for _, other := range d.users {
			highest = max(highest, other.ID)
		}
	}
	if u.Password == "" {
		// The end satisfies the password policy whatever the letters are.
		u.Password = d.source.letters("password "+u.Username, 0, 16) + "-A1!"
	}
	if u.Email == "" {
		u.Email = strings.ToLower(u.Username) + "@example.com"
	}
	if u.Status == "" {
		u.Status = "ACTIVE"
	}
	u.Permissions = slices.Clone(u.Permissions)
	row.User, row.updatedAt = u, now
	return row
}

// putClient adds a client, or replaces the one with the same id, and fills in
// what is empty.
func (d *database) putClient(c Client, now time.Time) *clientRow {
	for highest := int64(0); c.ID == 0; c.ID = highest + 1 {
		for _, other := range d.clients {
			highest = max(highest, other.ID)
		}
	}
	if c.Secret == "" {
		c.Secret = d.source.letters("client secret", uint64(c.ID), 40)
	}
	row := d.clientByID(c.ID)
	if row == nil {
		row = &clientRow{createdAt: now}
		d.clients = append(d.clients, row)
	}
	row.Client = c
	return row
}

// personalClient is the client that tokens made by the API belong to: the
// newest one registered, which Passport 12 takes even when it is revoked.
func (d *database) personalClient(w *world) *clientRow {
	var newest *clientRow
	for _, c := range d.clients {
		counts := c.PersonalAccess && !(c.Revoked && w.skipsRevokedPersonalClients)
		if counts && (newest == nil || c.ID > newest.ID) {
			newest = c
		}
	}
	return newest
}

// revokeToken is harmless for an id that is not there, as rows may have been purged.
func (d *database) revokeToken(id string, now time.Time) {
	if row := d.byID[id]; row != nil {
		row.revoked, row.updatedAt = true, now
	}
}

// purgeRevoked drops the rows of everything revoked. A missing row counts as
// revoked from then on.
func (d *database) purgeRevoked() {
	d.tokens = slices.DeleteFunc(d.tokens, func(row *tokenRow) bool {
		if row.revoked {
			delete(d.byID, row.id)
		}
		return row.revoked
	})
	for id, row := range d.refresh {
		if row.revoked {
			delete(d.refresh, id)
		}
	}
	for id, row := range d.codes {
		if row.revoked {
			delete(d.codes, id)
		}
	}
}

// isTwin says whether the API takes the token for its client's own: the user
// has the client's number, and the client could act for itself.
func (d *database) isTwin(row *tokenRow, w *world) bool {
	if !w.refusesTwins || row.userID != row.clientID {
		return false
	}
	client := d.clientByID(row.clientID)
	return client != nil && client.actsForItself()
}

// isStanding says whether the table has the token as neither revoked nor expired.
func (row *tokenRow) isStanding(now time.Time) bool {
	return !row.revoked && now.Before(row.expiresAt)
}

// isLive says whether the API would accept the token at the given time, unless
// it is a twin.
func (d *database) isLive(row *tokenRow, now time.Time) bool {
	return row.isStanding(now) &&
		row.passportKey == d.passportKey &&
		!now.Before(row.createdAt) &&
		d.activeClient(row.clientID) != nil &&
		d.presentUser(row.userID) != nil
}

// isLiveRefresh says whether the client could still refresh with the token.
func (d *database) isLiveRefresh(row *refreshRow, now time.Time) bool {
	return !row.revoked && row.appKey == d.appKey && !now.After(row.expiresAt) && d.activeClient(row.clientID) != nil
}
