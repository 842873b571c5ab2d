package processmakertest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// authorizePath is an authorization request of client 2, unless more says
// otherwise; an empty value takes a parameter out.
func authorizePath(more url.Values) string {
	query := url.Values{"response_type": {"code"}, "client_id": {"2"}, "redirect_uri": {redirectURI}, "state": {"the-state"}}
	for name, values := range more {
		query[name] = values
		if values[0] == "" {
			query.Del(name)
		}
	}
	return "/oauth/authorize?" + query.Encode()
}

func (s *stage) signIn(more url.Values, username string) (*url.URL, error) {
	return s.server.SignIn(s.client, s.server.URL()+authorizePath(more), username, s.server.User(username).Password)
}

// keepCookies makes the stage's client a browser.
func (s *stage) keepCookies() {
	s.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(s, err)
	s.client.Jar = jar
}

// webLogin opens a web session in the stage's client.
func (s *stage) webLogin(username string) {
	s.Helper()
	s.keepCookies()
	form := url.Values{"username": {username}, "password": {s.server.User(username).Password}}
	got := s.send("POST", "/login", form.Encode(), "Content-Type", formType)
	require.Equal(s, s.server.URL()+"/requests", got.header.Get("Location"))
}

// formToken takes the hidden field out of an approve page.
func (s *stage) formToken(page reply) string {
	s.Helper()
	found := regexp.MustCompile(`name="auth_token" value="([^"]+)"`).FindStringSubmatch(page.body)
	require.NotNil(s, found, page.body)
	return found[1]
}

func TestSignInGivesACodeAndTheStateAsItWas(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	const state = `a+b/c=d e&f"<é>%41`
	got, err := s.signIn(url.Values{"state": {state}}, "alice")
	require.NoError(t, err)
	assert.Equal(t, redirectURI, "http://"+got.Host+got.Path)
	assert.Equal(t, []string{state}, got.Query()["state"])
	token := s.pairOf(s.exchange(got.Query().Get("code"), nil))
	_, claims := decodeJWT(t, token.access)
	assert.Equal(t, "2", claims["sub"])
	assert.Equal(t, 3, s.server.Count(processmakertest.Authorize))
	assert.Equal(t, 2, s.server.Count(processmakertest.WebLogin))
	exchanges := s.server.Exchanges()
	approval := exchanges[len(exchanges)-2] // the last one is the token call
	assert.Equal(t, []string{"POST", "2", "alice"}, []string{approval.Method, approval.ClientID, approval.Username})

	without, err := s.signIn(url.Values{"state": {""}}, "alice")
	require.NoError(t, err)
	assert.NotContains(t, without.Query(), "state")
}

func TestSignInWithAProofKey(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	verifier := strings.Repeat("verifier-", 6)
	sum := sha256.Sum256([]byte(verifier))
	for method, challenge := range map[string]string{"S256": base64.RawURLEncoding.EncodeToString(sum[:]), "plain": verifier, "": verifier} {
		got, err := s.signIn(url.Values{"code_challenge": {challenge}, "code_challenge_method": {method}}, "admin")
		require.NoError(t, err)
		code := got.Query().Get("code")
		assert.Equal(t, "Check the `code_verifier` parameter", s.exchange(code, nil).field("hint"))
		s.pairOf(s.exchange(code, fields{"code_verifier": verifier}))
	}
}

func TestNobodyIsAskedTwiceWhileATokenStands(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	signIn := func(username string) (url.Values, int) {
		before := s.server.Count(processmakertest.Authorize)
		got, err := s.signIn(nil, username)
		require.NoError(t, err)
		return got.Query(), s.server.Count(processmakertest.Authorize) - before
	}
	const asked, skipped = 3, 2

	query, calls := signIn("admin")
	assert.Equal(t, asked, calls)
	_, calls = signIn("admin")
	assert.Equal(t, asked, calls, "a code is no token yet")
	token := s.pairOf(s.exchange(query.Get("code"), nil))
	query, calls = signIn("admin")
	assert.Equal(t, skipped, calls)
	assert.Equal(t, "the-state", query.Get("state"))
	_, calls = signIn("alice")
	assert.Equal(t, asked, calls, "the token is somebody else's")
	s.login("alice")
	_, calls = signIn("alice")
	assert.Equal(t, asked, calls, "the token is another client's")

	s.server.RevokeTokenByID(token.jti)
	query, calls = signIn("admin")
	assert.Equal(t, asked, calls)
	s.pairOf(s.exchange(query.Get("code"), nil))
	s.clock.Advance(year)
	_, calls = signIn("admin")
	assert.Equal(t, asked, calls, "the token has expired")
}

func TestACodeFromThePagesExpires(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	got, err := s.signIn(nil, "admin")
	require.NoError(t, err)
	s.clock.Advance(10*time.Minute + time.Second)
	assert.Equal(t, "Authorization code has expired", s.exchange(got.Query().Get("code"), nil).field("hint"))
}

func TestWhomTheLoginFormRefuses(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for _, username := range []string{"inactive", "blocked", "pastexpiry", "forcechange", "deleted", "nobody"} {
		_, err := s.signIn(nil, username)
		require.ErrorContains(t, err, "These credentials do not match our records.", username)
	}
	_, err := s.server.SignIn(s.client, s.server.URL()+authorizePath(nil), "admin", "wrong")
	require.ErrorContains(t, err, "These credentials do not match our records.")
	s.server.SetStatus("inactive", "ACTIVE")
	_, err = s.signIn(nil, "inactive")
	require.NoError(t, err)
}

func TestABrowserStaysSignedIn(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.keepCookies()
	_, err := s.signIn(nil, "admin")
	require.NoError(t, err)
	_, err = s.server.SignIn(s.client, s.server.URL()+authorizePath(nil), "", "")
	require.NoError(t, err, "no login form comes")
	s.server.DeleteUser("admin")
	_, err = s.signIn(nil, "admin")
	require.Error(t, err)
}

func TestSignInOverTLSAndByAnotherName(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *processmakertest.Config) { c.TLS = true })
	s.client = s.trustingClient()
	address := strings.Replace(s.server.URL(), "127.0.0.1", "localhost", 1)
	got, err := s.server.SignIn(s.client, address+authorizePath(nil), "admin", "admin")
	require.NoError(t, err)
	assert.NotEmpty(t, got.Query().Get("code"))
}

func TestWhatSignInCannotDo(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for address, trouble := range map[string]string{
		"http://[":                          "missing ']'",
		"http://127.0.0.1:1/oauth":          "is not this server",
		s.server.URL() + "/":                "404",
		s.server.URL() + "/oauth/token/x":   "404",
		s.server.URL() + "/oauth/authorize": "unsupported_grant_type",
	} {
		_, err := s.server.SignIn(s.client, address, "admin", "admin")
		require.ErrorContains(t, err, trouble)
	}
	s.server.GoOffline()
	_, err := s.signIn(nil, "admin")
	require.ErrorContains(t, err, "refused")
	require.NoError(t, s.server.GoOnline())
	s.server.Inject(processmakertest.Fault{On: processmakertest.Any, Times: 20, Do: processmakertest.Redirect("/login")})
	_, err = s.signIn(nil, "admin")
	require.ErrorContains(t, err, "circle")
	assert.Equal(t, http.StatusFound, s.lastExchange().Status)
}
