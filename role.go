package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/fields"
)

const roleVersion = 1

const (
	grantTypePassword           = "password"
	grantTypeCode               = "authorization_code"
	grantTypeRefreshToken       = "refresh_token"
	credentialTypeAccessToken   = "access_token"
	credentialTypePersonalToken = "personal_access_token"
)

const (
	defaultTTL    = time.Hour
	defaultMaxTTL = 24 * time.Hour

	leastRotationPeriod    = 10 * time.Second
	defaultRotationOverlap = 10 * time.Minute
	// shortOverlap is what slow readers need to replace what they hold.
	shortOverlap = 30 * time.Second

	longestTTL = 366 * 24 * time.Hour
)

// longestRoleName leaves room for the rest of the name that a personal access
// token bears at ProcessMaker, which takes 255 characters:
// "vault:<8 digits>:<role>:<credential_id>".
const longestRoleName = 255 - len("vault:") - 8 - 1 - 1 - 22

// role is the stored form of roles/<name>.
type role struct {
	Version int `json:"version"`
	// URL is the instance that the role was written for. Its secrets go
	// nowhere else.
	URL string `json:"url"`

	// AuthClient is empty where the config's is used.
	AuthClient authClient `json:"auth_client"`

	GrantType string   `json:"grant_type"`
	Username  string   `json:"username"`
	Password  string   `json:"password"`
	Scopes    []string `json:"scopes"`
	// RedirectURI and SessionUserID belong to the authorization code grant.
	RedirectURI   string `json:"redirect_uri"`
	SessionUserID string `json:"session_user_id"`

	CredentialType string `json:"credential_type"`
	// UserID is whose personal access tokens are made: a number, an identity
	// template, or empty for the session's own user.
	UserID              string `json:"user_id"`
	AllowAdministrators bool   `json:"allow_administrators"`

	TTL           time.Duration `json:"ttl"`
	MaxTTL        time.Duration `json:"max_ttl"`
	RenewMode     lease.Mode    `json:"renew_mode"`
	RefreshMinAge time.Duration `json:"refresh_min_age"`

	// RotationPeriod is 0 where the role shares no credential.
	RotationPeriod  time.Duration `json:"rotation_period"`
	RotationOverlap time.Duration `json:"rotation_overlap"`
}

func newRole() *role {
	return &role{
		Version:         roleVersion,
		AuthClient:      authClient{Method: string(client.ClientSecretPost)},
		GrantType:       grantTypePassword,
		CredentialType:  credentialTypeAccessToken,
		TTL:             defaultTTL,
		MaxTTL:          defaultMaxTTL,
		RotationOverlap: defaultRotationOverlap,
	}
}

func (r *role) newest() int { return roleVersion }

func (r *role) whole() bool {
	return r.URL != "" && r.GrantType != "" && r.CredentialType != "" && r.RenewMode != "" && r.TTL > 0 && r.MaxTTL > 0
}

// change takes the fields of a write.
func (r *role) change(in *fields.Input) {
	r.AuthClient.change(in)
	in.Choice("grant_type", &r.GrantType)
	in.Text("username", &r.Username)
	in.Secret("password", &r.Password)
	in.Scopes("scopes", &r.Scopes)
	in.Address("redirect_uri", &r.RedirectURI)
	in.Address("session_user_id", &r.SessionUserID)
	in.Choice("credential_type", &r.CredentialType)
	in.Address("user_id", &r.UserID)
	in.Boolean("allow_administrators", &r.AllowAdministrators)
	in.Duration("ttl", &r.TTL, time.Second, longestTTL)
	in.Duration("max_ttl", &r.MaxTTL, time.Second, longestTTL)
	r.changeRenewMode(in)
	in.Duration("refresh_min_age", &r.RefreshMinAge, 0, longestTTL)
	in.Duration("rotation_period", &r.RotationPeriod, 0, longestTTL)
	in.Duration("rotation_overlap", &r.RotationOverlap, 0, longestTTL)
}

// changeRenewMode takes the mode of a write. Its default is what the kind of
// credential can do, so a change of kind brings its own along.
func (r *role) changeRenewMode(in *fields.Input) {
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

// leaseBounds are what the role and its mount allow a lease.
func (r *role) leaseBounds(mountMaxTTL time.Duration) lease.Bounds {
	return lease.Bounds{TTL: r.TTL, MaxTTL: r.MaxTTL, MountMaxTTL: mountMaxTTL}
}

func defaultRenewMode(credentialType string) lease.Mode {
	if credentialType == credentialTypePersonalToken {
		return lease.Extend
	}
	return lease.Refresh
}

// validate refuses a role that cannot work with the settings of the mount.
func (r *role) validate(s *settings) error {
	if err := r.AuthClient.validate(); err != nil {
		return err
	}
	switch {
	case r.AuthClient.ID == "" && r.AuthClient.Method != string(client.ClientSecretPost):
		return errors.New("client_auth_method goes with client_id and client_secret: without them the config's auth client is used as it is")
	case r.AuthClient.ID == "" && s.config.AuthClient.ID == "":
		return errors.New("neither the role nor the config has an auth client: give client_id and client_secret")
	case r.GrantType == grantTypePassword && (r.Username == "" || r.Password == ""):
		return errors.New("grant_type password needs username and password")
	case r.GrantType != grantTypePassword && (r.Username != "" || r.Password != ""):
		return fmt.Errorf("username and password go with grant_type %s", grantTypePassword)
	case r.GrantType != grantTypePassword && r.CredentialType == credentialTypeAccessToken:
		return fmt.Errorf("credential_type %s needs grant_type %s: every read logs in. Use credential_type %s", credentialTypeAccessToken, grantTypePassword, credentialTypePersonalToken)
	case (r.GrantType == grantTypeCode) != (r.RedirectURI != ""):
		return fmt.Errorf("redirect_uri goes with grant_type %s, which needs it", grantTypeCode)
	case r.GrantType != grantTypeCode && r.SessionUserID != "":
		return fmt.Errorf("session_user_id goes with grant_type %s", grantTypeCode)
	case r.SessionUserID != "" && client.CheckUserID(r.SessionUserID) != nil:
		return errors.New("session_user_id is the number of a ProcessMaker user")
	case !validRedirectURI(r.RedirectURI):
		return errors.New("redirect_uri is not of the form http://127.0.0.1:<port>/<path> or https://<host>/<path>; it must equal the one of the auth client")
	case r.TTL > r.MaxTTL:
		return fmt.Errorf("ttl (%s) is above max_ttl (%s)", r.TTL, r.MaxTTL)
	case r.RenewMode == lease.Refresh && r.CredentialType != credentialTypeAccessToken:
		return fmt.Errorf("renew_mode %s needs credential_type %s: personal access tokens cannot be refreshed", lease.Refresh, credentialTypeAccessToken)
	case r.UserID != "" && r.CredentialType != credentialTypePersonalToken:
		return fmt.Errorf("user_id needs credential_type %s", credentialTypePersonalToken)
	case r.AllowAdministrators && r.UserID == "":
		return errors.New("allow_administrators goes with user_id")
	case r.RefreshMinAge > 0 && r.RenewMode != lease.Refresh:
		return fmt.Errorf("refresh_min_age needs renew_mode %s", lease.Refresh)
	case r.RotationPeriod == 0:
	case r.RotationPeriod < leastRotationPeriod:
		return fmt.Errorf("rotation_period is at least %s, or 0 for none", leastRotationPeriod)
	case r.RotationPeriod <= r.RotationOverlap:
		return fmt.Errorf("rotation_period (%s) has to be above rotation_overlap (%s)", r.RotationPeriod, r.RotationOverlap)
	case userIDTemplate.MatchString(r.UserID):
		return errors.New("user_id is an identity template, which differs by reader, and rotation_period shares one credential among all: use one of them")
	}
	return checkUserID(r.UserID)
}

// authClient is the role's own or the config's, as a unit.
func (r *role) authClient(s *settings) (authClient, error) {
	switch {
	case r.AuthClient.ID != "":
		return r.AuthClient, nil
	case s.config.AuthClient.ID != "":
		return s.config.AuthClient, nil
	default:
		return authClient{}, &refusal{"the role names no auth client and the config has none any more", "Write client_id and client_secret to one of them"}
	}
}

// belongsTo refuses to send a role's secrets to another instance than the one
// it was written for.
func (r *role) belongsTo(s *settings) error {
	if r.URL == s.config.URL {
		return nil
	}
	return &refusal{
		text: fmt.Sprintf("it was written for %s, but the mount is now at %s, and its secrets are not sent to another place by themselves", r.URL, s.config.URL),
		cure: "Write the role again with its secrets",
	}
}

// fingerprint is what leases of this role depend on.
func (r *role) fingerprint(clientID string) ledger.Fingerprint {
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
	return err == nil && parsed.Hostname() != "" && usablePort(parsed) && parsed.User == nil && !strings.Contains(text, "#") &&
		(parsed.Scheme == "https" || (parsed.Scheme == "http" && isLoopback(parsed.Hostname())))
}

func readRole(ctx context.Context, storage logical.Storage, name string) (*role, error) {
	entry, err := storage.Get(ctx, rolePrefix+name)
	if err != nil || entry == nil {
		return nil, err
	}
	var stored role
	if err := decodeStored(entry, &stored, fmt.Sprintf("role %q", name), "write the role again with everything that it needs, or delete it"); err != nil {
		return nil, err
	}
	return &stored, nil
}
