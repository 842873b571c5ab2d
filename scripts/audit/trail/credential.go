// Package trail follows credentials from the read that handed them out to their end, through the
// entries of Vault's audit logs and the lines of its server's log, in the order of time.
package trail

import (
	"strconv"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
)

// Party is who asked for something.
type Party struct {
	Who, EntityID, Address, Accessor, Metadata string
}

// Credential is what the logs tell of one.
type Credential struct {
	// Mount is where the engine is, behind the namespace if there is one; without a slash at the end.
	Mount, Role string
	// Read is when it was answered. Zero: its read is in none of the logs.
	Read time.Time
	// Reader asked for it. Of a shared one it is the first, and Others are the others.
	Reader Party
	Others []Party
	Reads  int
	// Shared: static-creds, without a lease. Wrapped: the answer was, so that its line shows nothing.
	Shared, Wrapped bool
	// Unwrapper has unwrapped it; nil where nobody has.
	Unwrapper *Party
	Unwrapped time.Time
	// These are HMACs where the mount was not tuned, and in the answer to an unwrap.
	ID, TokenID, Username, UserID string
	LeaseID                       string
	// LastTokenID is that of the token at its end, where the server's log tells of another.
	LastTokenID string
	Renewals    int
	Renewed     time.Time
	// Stranger has renewed it without being its reader.
	Stranger *Party
	// Deadline is when it is dead whatever happens. Zero: the logs do not tell.
	Deadline time.Time
	// Ask is the first that somebody asked for its end without being refused; Refused the last that
	// was.
	Ask, Refused *Ask
	End          *End
	// UserUnknown: the logs do not tell whose rights it has. LikelyUser is whose all others of its role
	// were.
	UserUnknown bool
	LikelyUser  string
	// Events are kept for a history only.
	Events []Event

	asked     time.Time // when its reader asked for it
	request   string    // its id
	renewal   string    // the id of the last request to renew it
	matched   bool      // by a token id that it had in between
	handed    bool      // its end went over to the ledger
	gone      bool
	closing   bool
	delayed   bool
	evictAt   time.Time
	slot      int
	leaseHash string
	holder    *holder
	path      string
	wrapKeys  []string
	aliases   []string
	next      [chains]*Credential
	prev      [chains]*Credential
}

// Ask is that somebody asked for an end.
type Ask struct {
	Time    time.Time
	By      Party
	How     string
	Queued  bool
	Failure string
	request string
}

// The sources of what is known of an end.
const (
	// FromEngine: the engine's own line in the server's log. FromVault: Vault's line about the lease.
	// FromAnswer: the answer to somebody who asked for it.
	FromEngine = "engine's log"
	FromVault  = "Vault's log"
	FromAnswer = "audit log"
)

// End is the end of a credential, and how it is known.
type End struct {
	Time   time.Time
	Reason string
	Source string
}

// Event is a line about one credential.
type Event struct {
	Time   time.Time
	What   string
	By     Party
	Detail string
}

const (
	minuteDigits = 6
	base         = 32
)

// deadlineOf reads the minute of the deadline out of a credential_id; zero where there is none.
func deadlineOf(id string) time.Time {
	if len(id) <= minuteDigits || logfile.IsHash(id) {
		return time.Time{}
	}
	minute, err := strconv.ParseInt(id[:minuteDigits], base, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(minute*60, 0).UTC()
}

// known tells whether a value is there in clear.
func known(value string) bool { return value != "" && !logfile.IsHash(value) }

// partyOf is who made a request.
func partyOf(e *logfile.Entry) Party {
	p := Party{
		Who: e.Auth.DisplayName, EntityID: e.Auth.EntityID, Address: e.Request.RemoteAddress,
		Accessor: e.Auth.Accessor,
	}
	if text := string(e.Auth.Metadata); text != "null" && text != "{}" {
		p.Metadata = text
	}
	return p
}

// same tells whether two are one person or job: one entity, or where there is none one token.
func (p Party) same(other Party) bool {
	if p.EntityID != "" || other.EntityID != "" {
		return p.EntityID == other.EntityID
	}
	return p.Accessor == other.Accessor && p.Who == other.Who
}
