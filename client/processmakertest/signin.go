package processmakertest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// signInSteps is more than any sign-in takes: authorize, login form, login,
// authorize again, approve.
const signInSteps = 10

// SignIn does what a person with a browser does: it opens the authorization
// URL, fills in the login form and approves, as far as it is asked to. It gives
// the redirect to the redirect URI and does not follow it; that may also carry
// an error, which the product reports to the client in this way.
//
// A client without a Jar gets one for this call alone, which is a browser that
// was never used before. With a Jar of its own it stays signed in from one call
// to the next.
func (s *Server) SignIn(client *http.Client, authorizationURL, username, password string) (redirectedTo *url.URL, err error) {
	redirectedTo, err = s.signIn(newBrowser(client, username, password), authorizationURL)
	if err != nil {
		return nil, fmt.Errorf("signing in: %w", err)
	}
	return redirectedTo, nil
}

func (s *Server) signIn(b *browser, authorizationURL string) (*url.URL, error) {
	start, err := url.Parse(authorizationURL)
	if err != nil {
		return nil, err
	}
	// The server has several names but only one port.
	if own, err := url.Parse(s.URL()); err != nil || start.Port() != own.Port() {
		return nil, fmt.Errorf("%s is not this server", start.Host)
	}
	next, err := http.NewRequest(http.MethodGet, authorizationURL, nil)
	if err != nil {
		return nil, err
	}
	for range signInSteps {
		shown, err := b.open(next)
		if err != nil {
			return nil, err
		}
		if shown.location != nil && shown.location.Host != start.Host {
			return shown.location, nil
		}
		if next, err = b.follow(shown); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the pages lead in a circle")
}

func newBrowser(client *http.Client, username, password string) *browser {
	b := &browser{client: *client, login: url.Values{"username": {username}, "password": {password}}}
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if b.client.Jar == nil {
		// It only fails for options, of which there are none.
		b.client.Jar, _ = cookiejar.New(nil)
	}
	return b
}
