// Package role keeps the roles: how they sign in, what they hand out, and a password that is being
// changed. It owns the keys below "role/" and "rotate/", the locks of users' passwords, and the
// roles in memory with the gates of their logins. It may import engine/instance, ledger and lease,
// client and internal packages.
package role

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/fields"
	"vault-plugin-secrets-processmaker/internal/problem"
)

const version = 1

// The values of grant_type and credential_type.
const (
	GrantTypePassword           = "password"
	GrantTypeCode               = "authorization_code"
	GrantTypeRefreshToken       = "refresh_token"
	CredentialTypeAccessToken   = "access_token"
	CredentialTypePersonalToken = "personal_access_token"
)

// The defaults and bounds of the fields.
const (
	DefaultTTL    = time.Hour
	DefaultMaxTTL = 24 * time.Hour

	leastRotationPeriod    = 10 * time.Second
	DefaultRotationOverlap = 10 * time.Minute
	// ShortOverlap is the time that slow readers need to replace their token.
	ShortOverlap = 30 * time.Second

	leastPasswordRotationPeriod = time.Hour

	LongestTTL = 366 * 24 * time.Hour
)

// LongestName leaves room for the rest of the name that a personal access token bears at
// ProcessMaker, which takes 255 characters: "vault:<8 digits>:<role>:<credential_id>".
const LongestName = 255 - len("vault:") - 8 - 1 - 1 - 22

// Role is the stored form of roles/<name>.
type Role struct {
	Version int `json:"version"`
	// URL is the instance that the role was written for. Its secrets go nowhere else.
	URL string `json:"url"`

	// AuthClient is empty where the config's is used.
	AuthClient instance.AuthClient `json:"auth_client"`

	GrantType string   `json:"grant_type"`
	Username  string   `json:"username"`
	Password  string   `json:"password"`
	Scopes    []string `json:"scopes"`
	// RedirectURI and SessionUserID belong to the authorization code grant.
	RedirectURI   string `json:"redirect_uri"`
	SessionUserID string `json:"session_user_id"`

	CredentialType string `json:"credential_type"`
	// UserID is whose tokens are made: a number, an identity template, or empty for the session's.
	UserID              string `json:"user_id"`
	AllowAdministrators bool   `json:"allow_administrators"`

	TTL           time.Duration `json:"ttl"`
	MaxTTL        time.Duration `json:"max_ttl"`
	RenewMode     lease.Mode    `json:"renew_mode"`
	RefreshMinAge time.Duration `json:"refresh_min_age"`

	// RotationPeriod is 0 where the role shares no credential.
	RotationPeriod  time.Duration `json:"rotation_period"`
	RotationOverlap time.Duration `json:"rotation_overlap"`

	// PasswordRotationPeriod is 0 where the password is rotated on demand alone.
	PasswordRotationPeriod time.Duration `json:"password_rotation_period"`
	// PasswordTime is when the password was written or rotated; zero where an older release wrote it.
	PasswordTime time.Time `json:"password_time"`
	// PasswordTriedTime is when the latest rotation by schedule began.
	PasswordTriedTime time.Time `json:"password_tried_time"`
}

// New is a role with the defaults.
func New() *Role {
	return &Role{
		Version:         version,
		AuthClient:      instance.AuthClient{Method: string(client.ClientSecretPost)},
		GrantType:       GrantTypePassword,
		CredentialType:  CredentialTypeAccessToken,
		TTL:             DefaultTTL,
		MaxTTL:          DefaultMaxTTL,
		RotationOverlap: DefaultRotationOverlap,
	}
}

func (r *Role) CurrentVersion() int { return version }
func (r *Role) Usable() bool {
	return r.URL != "" && r.GrantType != "" && r.CredentialType != "" && r.RenewMode != "" && r.TTL > 0 && r.MaxTTL > 0
}

// Change applies the fields of a write.
func (r *Role) Change(in *fields.Input) {
	r.AuthClient.Change(in)
	in.Choice("grant_type", &r.GrantType)
	in.Text("username", &r.Username)
	in.Secret("password", &r.Password)
	in.Scopes("scopes", &r.Scopes)
	in.Address("redirect_uri", &r.RedirectURI)
	in.Address("session_user_id", &r.SessionUserID)
	in.Choice("credential_type", &r.CredentialType)
	in.Address("user_id", &r.UserID)
	in.Boolean("allow_administrators", &r.AllowAdministrators)
	in.Duration("ttl", &r.TTL, time.Second, LongestTTL)
	in.Duration("max_ttl", &r.MaxTTL, time.Second, LongestTTL)
	r.changeRenewMode(in)
	in.Duration("refresh_min_age", &r.RefreshMinAge, 0, LongestTTL)
	in.Duration("rotation_period", &r.RotationPeriod, 0, LongestTTL)
	in.Duration("rotation_overlap", &r.RotationOverlap, 0, LongestTTL)
	in.Duration("password_rotation_period", &r.PasswordRotationPeriod, 0, LongestTTL)
}

// changeRenewMode applies the mode of a write. A change of credential type brings its own default.
func (r *Role) changeRenewMode(in *fields.Input) {
	if in.Null("renew_mode") {
		r.RenewMode = ""
	} else {
		mode := string(r.RenewMode)
		in.Choice("renew_mode", &mode)
		r.RenewMode = lease.Mode(mode)
	}
	if r.RenewMode == "" || (in.Given("credential_type") && !in.Given("renew_mode") && r.RenewMode == lease.Refresh) {
		r.RenewMode = defaultRenewMode(r.CredentialType)
	}
}

func defaultRenewMode(credentialType string) lease.Mode {
	if credentialType == CredentialTypePersonalToken {
		return lease.Extend
	}
	return lease.Refresh
}

// Validate refuses a role that cannot work with the settings of the mount.
func (r *Role) Validate(inst *instance.Instance) error {
	if err := r.AuthClient.Validate(); err != nil {
		return err
	}
	switch {
	case r.AuthClient.ID == "" && r.AuthClient.Method != string(client.ClientSecretPost):
		return errors.New("client_auth_method goes with client_id and client_secret: without them the config's auth client is used as it is")
	case r.AuthClient.ID == "" && inst.Config.AuthClient.ID == "":
		return errors.New("neither the role nor the config has an auth client: give client_id and client_secret, for example client_id=3 client_secret=@client-secret.txt")
	case r.GrantType == GrantTypePassword && (r.Username == "" || r.Password == ""):
		return errors.New("grant_type password needs username and password, for example username=vault-ci password=@password.txt")
	case r.GrantType != GrantTypePassword && (r.Username != "" || r.Password != ""):
		return fmt.Errorf("username and password go with grant_type %s", GrantTypePassword)
	case r.GrantType != GrantTypePassword && r.CredentialType == CredentialTypeAccessToken:
		return fmt.Errorf("credential_type %s needs grant_type %s: every read logs in. Use credential_type %s", CredentialTypeAccessToken, GrantTypePassword, CredentialTypePersonalToken)
	case (r.GrantType == GrantTypeCode) != (r.RedirectURI != ""):
		return fmt.Errorf("redirect_uri goes with grant_type %s, which needs it, for example redirect_uri=http://127.0.0.1:8250/callback", GrantTypeCode)
	case r.GrantType != GrantTypeCode && r.SessionUserID != "":
		return fmt.Errorf("session_user_id goes with grant_type %s", GrantTypeCode)
	case r.SessionUserID != "" && client.CheckUserID(r.SessionUserID) != nil:
		return errors.New("session_user_id expects the number of a ProcessMaker user, such as 7")
	case !validRedirectURI(r.RedirectURI):
		return errors.New("redirect_uri is not of the form http://127.0.0.1:<port>/<path> or https://<host>/<path>; it must equal the one of the auth client")
	case r.TTL > r.MaxTTL:
		return fmt.Errorf("ttl (%s) is above max_ttl (%s): lower ttl, or raise max_ttl, for example ttl=1h max_ttl=24h", r.TTL, r.MaxTTL)
	case r.RenewMode == lease.Refresh && r.CredentialType != CredentialTypeAccessToken:
		return fmt.Errorf("renew_mode %s needs credential_type %s: personal access tokens cannot be refreshed", lease.Refresh, CredentialTypeAccessToken)
	case r.UserID != "" && r.CredentialType != CredentialTypePersonalToken:
		return fmt.Errorf("user_id needs credential_type=%s", CredentialTypePersonalToken)
	case r.AllowAdministrators && r.UserID == "":
		return errors.New("allow_administrators goes with user_id, for example user_id=7")
	case r.RefreshMinAge > 0 && r.RenewMode != lease.Refresh:
		return fmt.Errorf("refresh_min_age needs renew_mode=%s", lease.Refresh)
	case r.PasswordRotationPeriod > 0 && r.GrantType != GrantTypePassword:
		return fmt.Errorf("password_rotation_period goes with grant_type %s", GrantTypePassword)
	case r.PasswordRotationPeriod > 0 && r.PasswordRotationPeriod < leastPasswordRotationPeriod:
		return fmt.Errorf("password_rotation_period expects a duration of at least %s, such as 720h, or 0 for none", leastPasswordRotationPeriod)
	case r.RotationPeriod == 0:
	case r.RotationPeriod < leastRotationPeriod:
		return fmt.Errorf("rotation_period expects a duration of at least %s, such as 1h, or 0 for none", leastRotationPeriod)
	case r.RotationPeriod <= r.RotationOverlap:
		return fmt.Errorf("rotation_period (%s) must be above rotation_overlap (%s), for example rotation_period=1h rotation_overlap=10m", r.RotationPeriod, r.RotationOverlap)
	case userIDTemplate.MatchString(r.UserID):
		return errors.New("user_id is an identity template, which differs by reader, and rotation_period shares one credential among all: use one of them")
	}
	return checkUserID(r.UserID)
}

// authClient is the role's own or the config's, as a unit.
func (r *Role) authClient(inst *instance.Instance) (instance.AuthClient, error) {
	switch {
	case r.AuthClient.ID != "":
		return r.AuthClient, nil
	case inst.Config.AuthClient.ID != "":
		return inst.Config.AuthClient, nil
	default:
		return instance.AuthClient{}, problem.Refuse("the role names no auth client and the config has none any more", "Write client_id and client_secret to one of them, for example with \"vault write "+problem.Mount+"config client_id=3 client_secret=@client-secret.txt\"")
	}
}

// belongsTo refuses to send a role's secrets to another instance than the one it was written for.
func (r *Role) belongsTo(name string, inst *instance.Instance) error {
	if r.URL == inst.Config.URL {
		return nil
	}
	return problem.Refuse(
		fmt.Sprintf("it was written for %s, but the mount is now at %s, and its secrets are not sent to another place by themselves", r.URL, inst.Config.URL),
		fmt.Sprintf("Write the role again with its secrets, for example with \"vault write %sroles/%s password=@password.txt\"", problem.Mount, name),
	)
}

// fingerprint is what leases of this role depend on.
func (r *Role) fingerprint(clientID string) ledger.Fingerprint {
	return ledger.Fingerprint{
		URL:            r.URL,
		ClientID:       clientID,
		GrantType:      r.GrantType,
		Username:       r.Username,
		SessionUserID:  r.SessionUserID,
		UserID:         r.UserID,
		CredentialType: r.CredentialType,
	}
}

func validRedirectURI(text string) bool {
	if text == "" {
		return true
	}
	parsed, err := url.Parse(text)
	return err == nil && parsed.Hostname() != "" && instance.UsablePort(parsed) && parsed.User == nil && !strings.Contains(text, "#") &&
		(parsed.Scheme == "https" || (parsed.Scheme == "http" && instance.IsLoopback(parsed.Hostname())))
}

// Login is the role's way in with a password.
func (r *Role) Login(password string) client.Login {
	return client.Login{Username: r.Username, Password: password, Scopes: r.Scopes}
}

// MoveTo binds the role to the instance at url. Secrets that were given for another instance are
// sent to this one only by a caller that knows them: given tells which fields the write has.
func (r *Role) MoveTo(url string, given func(field string) bool) error {
	if r.URL == url || r.URL == "" {
		r.URL = url
		return nil
	}
	missing := (r.Password != "" && !given("password")) || (r.AuthClient.ID != "" && !given("client_secret"))
	if missing {
		return fmt.Errorf("it was written for %s, and the mount is now at %s: give its password (and its client_secret, if it has its own) again", r.URL, url)
	}
	r.URL = url
	return nil
}

// HasBlankEnds tells whether text begins or ends with what newer releases of ProcessMaker cut off.
func HasBlankEnds(text string) bool { return strings.TrimSpace(text) != text }
