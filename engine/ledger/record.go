package ledger

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
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

	Doubt

	AccessToken string `json:"access_token,omitempty"`
	// RefreshToken is kept where renewals use it, and of a twin, which nothing else ends for
	// certain.
	RefreshToken string `json:"refresh_token,omitempty"`
}

// Doubt is what refreshes have left open about a token.
type Doubt struct {
	// Untried: a refresh made the token, ProcessMaker may refuse it as that of a twin, and nobody has
	// it before it was tried.
	Untried bool `json:"untried,omitempty"`
	// Doubtful: a refresh failed in a way that may have killed the token.
	Doubtful bool `json:"doubtful,omitempty"`
	// DoubtfulSince is when the last refresh was given up that may yet be carried out; zero for none.
	DoubtfulSince time.Time `json:"doubtful_since,omitzero"`
	// Unseen: a refresh may have made a pair that nobody saw, and that is not counted yet.
	Unseen bool `json:"unseen,omitempty"`
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

// Hold puts the tokens of grant into the record, the refresh token only where it has a use.
func (r *Record) Hold(grant *client.Grant) {
	r.HoldToken(grant.Access)
	if lease.Mode(r.RenewMode) == lease.Refresh || grant.Access.Twin() {
		r.RefreshToken = grant.Refresh
	}
}

// HoldToken is Hold for a token without a refresh token.
func (r *Record) HoldToken(token client.Token) {
	r.Take(token)
	r.AccessToken, r.RefreshToken, r.Doubt = token.Value, "", Doubt{}
}

// With is a copy of the record that holds token.
func (r *Record) With(token client.Token) *Record {
	held := *r
	if held.AccessToken != token.Value {
		held.HoldToken(token)
	}
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

// ID names one credential everywhere: in its answer, in its lease, as the key of its record, and at
// ProcessMaker. It begins with the minute of the credential's deadline, so that what is due can be
// listed without a look at what is not, and ends in 80 random bits.
type ID string

const (
	// minuteDigits keeps keys in the order of time; six base32 digits last until the year 4010.
	minuteDigits = 6
	randomBytes  = 10
)

// base32hex without padding keeps the order of numbers (RFC 4648 §7); lower case: ids are typed.
var randomEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

var idPattern = regexp.MustCompile(`^[0-9a-v]{6}[0-9a-v]{16}$`)

// NewID makes the id of a credential that has to be dead at deadline.
func NewID(deadline time.Time, random io.Reader) (ID, error) {
	bits := make([]byte, randomBytes)
	if _, err := io.ReadFull(random, bits); err != nil {
		return "", fmt.Errorf("no randomness for a credential id: %w", err)
	}
	return ID(Bucket(deadline) + randomEncoding.EncodeToString(bits)), nil
}

// ParseID checks that text is the id of a credential.
func ParseID(text string) (ID, error) {
	if !idPattern.MatchString(text) {
		return "", errors.New("not a credential_id: 22 characters out of 0-9 and a-v are expected, such as 0sh40jd4tpoi5dbcoke41r")
	}
	return ID(text), nil
}

// Bucket names the minute in which t lies: the ledger keeps what has its deadline in it there.
func Bucket(t time.Time) string {
	minute := max(t.Unix(), 0) / 60
	digits := strconv.FormatInt(minute, 32)
	return strings.Repeat("0", max(minuteDigits-len(digits), 0)) + digits
}

var bucketPattern = regexp.MustCompile(`^[0-9a-v]{6}$`)

func following(bucket string) string { return Bucket(bucketStart(bucket).Add(time.Minute)) }

// bucketStart is the first moment of a minute; the zero time for what is none.
func bucketStart(bucket string) time.Time {
	minute, err := strconv.ParseInt(bucket, 32, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(minute*60, 0).UTC()
}

func (id ID) key() string {
	return Prefix + string(id[:minuteDigits]) + "/" + string(id[minuteDigits:])
}

// Deadline is the first moment of the minute in which the credential has to be dead.
func (id ID) Deadline() time.Time { return bucketStart(string(id[:minuteDigits])) }
