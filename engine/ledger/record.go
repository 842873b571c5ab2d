package ledger

import "time"

// RecordVersion is the version of the stored form that this package writes.
const RecordVersion = 1

// State says what is known of a credential.
type State string

const (
	// Live: it was handed out and has not been ended by this engine.
	Live State = "live"
	// Due: it has to be ended at once, whatever its lease says.
	Due State = "due"
)

// Fingerprint is what makes a role the same role to a credential: with any of
// these changed, a renewal could give the reader another identity.
type Fingerprint struct {
	URL            string `json:"url"`
	ClientID       string `json:"client_id"`
	GrantType      string `json:"grant_type"`
	Username       string `json:"username"`
	SessionUserID  string `json:"session_user_id"`
	UserID         string `json:"user_id"`
	CredentialType string `json:"credential_type"`
}

// Record is all that is needed to renew and to end one credential, whatever
// has become of its role and its lease.
type Record struct {
	Version int   `json:"version"`
	ID      ID    `json:"credential_id"`
	State   State `json:"state"`
	// FormerID is the id under which it was handed out, where being put down as
	// due has given it another.
	FormerID    ID          `json:"former_id,omitempty"`
	Role        string      `json:"role"`
	Fingerprint Fingerprint `json:"fingerprint"`
	RenewMode   string      `json:"renew_mode"`
	// Shared: it has no lease and more than one reader.
	Shared bool `json:"shared"`

	// EntityID and DisplayName are the reader's, as Vault knew them at issue.
	EntityID    string `json:"entity_id"`
	DisplayName string `json:"display_name"`

	IssueTime time.Time `json:"issue_time"`
	Deadline  time.Time `json:"deadline"`
	// TTL is how long one lease or renewal lasts unless it asks otherwise.
	TTL time.Duration `json:"ttl"`

	// TokenName is the name of a personal access token, by which it can be
	// found at ProcessMaker when nothing else is known of it.
	TokenName string `json:"token_name,omitempty"`

	// UserID and Username are those whose rights the token has. The others
	// are those of the token held now, which a refresh changes; of a personal
	// access token only the end is known, and roughly, because the record is
	// written before the token is made.
	UserID          string    `json:"user_id"`
	Username        string    `json:"username"`
	TokenID         string    `json:"token_id"`
	TokenType       string    `json:"token_type"`
	TokenReceivedAt time.Time `json:"token_received_at"`
	TokenExpireTime time.Time `json:"token_expire_time"`

	// Doubtful: a refresh failed in a way that may have killed the token.
	Doubtful bool `json:"doubtful,omitempty"`

	AccessToken string `json:"access_token,omitempty"`
	// RefreshToken is kept only where renewals use it.
	RefreshToken string `json:"refresh_token,omitempty"`
}

// describes tells whether a record is that of id and holds what its end needs. An
// entry of another kind decodes without an error, and its missing times would say
// that its token is dead already.
func (r *Record) describes(id ID) bool {
	return r.Version >= 1 && r.ID == id && (r.State == Live || r.State == Due) &&
		r.Fingerprint.URL != "" && !r.Deadline.IsZero() && !r.TokenExpireTime.IsZero()
}
