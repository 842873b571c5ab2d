package processmakertest

import (
	"net/url"
	"strings"
)

// Client is an auth client. A client with Password or PersonalAccess set is
// refused for authorization codes, whatever AuthorizationCode says: that flag
// only tells what the client was made for. A client without a secret is public.
type Client struct {
	ID                int64
	Name              string
	Secret            string
	Redirect          string
	Password          bool
	PersonalAccess    bool
	AuthorizationCode bool
	Revoked           bool
}

// allows says whether the client may use a grant.
func (c *clientRow) allows(grant string) bool {
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
