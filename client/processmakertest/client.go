package processmakertest

import (
	"net/url"
	"strings"
)

// Client is an auth client. Under Passport 12 a client with Password or
// PersonalAccess set is refused for authorization codes, and under Passport 13
// one without Redirect, whatever AuthorizationCode says: that flag only tells
// what the client was made for. A client without a secret is public.
type Client struct {
	ID                int64
	Name              string
	Secret            string
	Redirect          string
	Password          bool
	PersonalAccess    bool
	AuthorizationCode bool
	Revoked           bool
	// OwnerID is the user whom the client belongs to, 0 for nobody. Passport 13
	// asks for it: a confidential client of nobody's makes twins (see Token.Twin).
	OwnerID int64
	// PlainSecret is set while the secret is stored as it is. Passport 13 refuses
	// it then; HashSecrets mends that, as the product's upgrade script does.
	PlainSecret bool
}

// allowedByFlags says whether Passport 12 lets the client use a grant.
func allowedByFlags(c *clientRow, grant string) bool {
	switch grant {
	case grantAuthorizationCode:
		return !c.Password && !c.PersonalAccess
	case grantPersonalAccess:
		return c.PersonalAccess && c.confidential()
	case grantPassword:
		return c.Password
	case grantClientCredentials:
		return c.confidential()
	}
	return true
}

// allowedByContent says whether Passport 13 lets the client use a grant, which
// it derives from whatever the client has.
func allowedByContent(c *clientRow, grant string) bool {
	switch grant {
	case grantAuthorizationCode:
		return c.Redirect != ""
	case grantPersonalAccess:
		return c.PersonalAccess && c.confidential()
	case grantPassword:
		return c.Password
	case grantClientCredentials:
		return c.actsForItself()
	}
	return true
}

// actsForItself is true for a client that keeps a secret and belongs to nobody.
func (c *clientRow) actsForItself() bool { return c.confidential() && c.OwnerID == 0 }

func (c *clientRow) confidential() bool { return c.Secret != "" }

// redirectsTo says whether the redirect URI is registered. A loopback address
// may come with any port, as native programs do not know theirs beforehand.
func (c *clientRow) redirectsTo(uri string) bool {
	for _, registered := range strings.Split(c.Redirect, ",") {
		if registered == uri || isLoopback(uri) && withoutPort(registered) == withoutPort(uri) {
			return true
		}
	}
	return false
}

func isLoopback(uri string) bool {
	parsed, err := url.Parse(uri)
	return err == nil && parsed.Scheme == "http" && (parsed.Hostname() == "127.0.0.1" || parsed.Hostname() == "::1")
}

func withoutPort(uri string) string {
	parsed, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	parsed.Host = parsed.Hostname()
	return parsed.String()
}
