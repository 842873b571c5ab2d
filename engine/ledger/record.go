package ledger

import (
	"fmt"
	"time"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

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

// Fingerprint is what makes a role the same role to a credential: with any of these changed, a
// renewal could give the reader another identity.
type Fingerprint struct {
	URL            string `json:"url"`
	ClientID       string `json:"client_id"`
	GrantType      string `json:"grant_type"`
	Username       string `json:"username"`
	SessionUserID  string `json:"session_user_id"`
	UserID         string `json:"user_id"`
	CredentialType string `json:"credential_type"`
}

// Held is the stored form of what is known of a token, but for its value.
type Held struct {
	// UserID and Username are those whose rights the token has.
	UserID          string    `json:"user_id"`
	Username        string    `json:"username"`
	TokenID         string    `json:"token_id"`
	TokenType       string    `json:"token_type"`
	TokenReceivedAt time.Time `json:"token_received_at"`
	TokenExpireTime time.Time `json:"token_expire_time"`
}

// TokenOf is the token held, whose value is stored apart.
func (h *Held) TokenOf(value string) client.Token {
	return client.Token{Value: value, Type: h.TokenType, ID: h.TokenID, UserID: h.UserID, ReceivedAt: h.TokenReceivedAt, ExpireTime: h.TokenExpireTime}
}

// Take puts a token in place of the one held. The user's name stays.
func (h *Held) Take(token client.Token) {
	h.UserID, h.TokenID, h.TokenType = token.UserID, token.ID, token.Type
	h.TokenReceivedAt, h.TokenExpireTime = token.ReceivedAt, token.ExpireTime
}

// Record is what it takes to renew and end one credential, whatever became of role and lease.
type Record struct {
	Version int   `json:"version"`
	ID      ID    `json:"credential_id"`
	State   State `json:"state"`
	// FormerID is the id that it was handed out under, where it was marked due since.
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

	// TokenName finds a personal access token at ProcessMaker when nothing else is known of it.
	TokenName string `json:"token_name,omitempty"`

	// Held is the token held now, which a refresh changes. Of a personal access token it has the
	// user and roughly the end: the record is written before the token is made.
	Held

	// Doubtful: a refresh failed in a way that may have killed the token.
	Doubtful bool `json:"doubtful,omitempty"`

	AccessToken string `json:"access_token,omitempty"`
	// RefreshToken is kept only where renewals use it.
	RefreshToken string `json:"refresh_token,omitempty"`
}

// CurrentVersion and Usable make Record an entry of storage. An entry of another kind decodes
// without an error, and its missing times would say that its token is dead already.
func (r *Record) CurrentVersion() int { return RecordVersion }
func (r *Record) Usable() bool {
	return r.Version >= 1 && (r.State == Live || r.State == Due) &&
		r.Fingerprint.URL != "" && !r.Deadline.IsZero() && !r.TokenExpireTime.IsZero()
}

// Token is the token that the record holds.
func (r *Record) Token() client.Token { return r.TokenOf(r.AccessToken) }

// HasToken tells whether the record holds its token: that of a personal one may not be made yet.
func (r *Record) HasToken() bool { return r.AccessToken != "" }

// Hold puts the tokens of grant into the record, the refresh token only where renewals use it.
func (r *Record) Hold(grant *client.Grant) {
	r.HoldToken(grant.Access)
	if lease.Mode(r.RenewMode) == lease.Refresh {
		r.RefreshToken = grant.Refresh
	}
}

// HoldToken is Hold for a token without a refresh token.
func (r *Record) HoldToken(token client.Token) {
	r.Take(token)
	r.AccessToken, r.RefreshToken, r.Doubtful = token.Value, "", false
}

// With is a copy of the record that holds token.
func (r *Record) With(token client.Token) *Record {
	held := *r
	held.HoldToken(token)
	return &held
}

// Subject is what lines and events about the record are about.
func (r *Record) Subject() telemetry.Subject {
	s := telemetry.Subject{Role: r.Role, ID: string(r.ID)}
	if r.Shared {
		s.Path = "static-creds/" + r.Role
	}
	return s
}

// TokenName is the name that a personal access token bears at ProcessMaker. It joins ProcessMaker's
// own list with the records of the mount, of whose id mount is the beginning.
func TokenName(mount, role string, id ID) string {
	return fmt.Sprintf("vault:%s:%s:%s", mount, role, id)
}

// Differs names the first part in which two fingerprints differ; empty where none does.
func (f Fingerprint) Differs(other Fingerprint) (field string) {
	switch {
	case f == other:
		return ""
	case f.URL != other.URL:
		return "url"
	case f.ClientID != other.ClientID:
		return "client_id"
	case f.GrantType != other.GrantType:
		return "grant_type"
	case f.Username != other.Username:
		return "username"
	case f.SessionUserID != other.SessionUserID:
		return "session_user_id"
	case f.UserID != other.UserID:
		return "user_id"
	default:
		return "credential_type"
	}
}
