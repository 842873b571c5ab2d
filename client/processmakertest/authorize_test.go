package processmakertest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// answerForm posts an approve page's form, or another one with its token.
func (s *stage) answerForm(method string, form url.Values) reply {
	s.Helper()
	return s.send(method, "/oauth/authorize", form.Encode(), "Content-Type", formType)
}

func locationOf(t *testing.T, r reply) *url.URL {
	t.Helper()
	require.Equal(t, http.StatusFound, r.status, r.body)
	location, err := url.Parse(r.header.Get("Location"))
	require.NoError(t, err)
	return location
}

func TestApprovingTwiceGivesTwoCodes(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	form := url.Values{"auth_token": {approvePageOpen(s)["FORM_TOKEN"]}, "state": {"another"}}
	first, second := locationOf(t, s.answerForm("POST", form)).Query(), locationOf(t, s.answerForm("POST", form)).Query()
	assert.Equal(t, "the-state", first.Get("state"), "the form's copy does not count")
	assert.NotEqual(t, first.Get("code"), second.Get("code"))
	s.pairOf(s.exchange(first.Get("code"), nil))
	s.pairOf(s.exchange(second.Get("code"), nil))
}

func TestDenying(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"the state", ""} {
		s := newStage(t, nil)
		s.webLogin("admin")
		token := s.formToken(s.send("GET", authorizePath(url.Values{"state": {state}}), ""))
		byMethod := locationOf(t, s.answerForm("DELETE", url.Values{"auth_token": {token}}))
		byField := locationOf(t, s.answerForm("POST", url.Values{"auth_token": {token}, "_method": {"delete"}}))
		assert.Equal(t, byMethod, byField)
		assert.True(t, strings.HasPrefix(byField.String(), redirectURI+"?"))
		query := byField.Query()
		assert.Equal(t, state, query.Get("state"))
		assert.Equal(t, "access_denied", query.Get("error"))
		assert.Equal(t, "The user denied the request", query.Get("hint"))
		assert.Equal(t, query.Get("error_description"), query.Get("message"))
		assert.NotContains(t, query, "code")
	}
}

func TestAnApprovalHasToComeFromThePage(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.keepCookies()
	got := s.answerForm("POST", url.Values{})
	assert.Equal(t, s.server.URL()+"/login", locationOf(t, got).String(), "nobody is signed in")

	s.webLogin("admin")
	assert.Equal(t, http.StatusInternalServerError, s.answerForm("POST", url.Values{}).status, "nothing was asked for")
	token := s.formToken(s.send("GET", authorizePath(nil), ""))
	assert.Equal(t, http.StatusForbidden, s.answerForm("POST", url.Values{"auth_token": {"guessed"}}).status)
	got = s.answerForm("POST", url.Values{"auth_token": {token}})
	assert.Equal(t, http.StatusForbidden, got.status, "a wrong token spoils the page")
}

func TestWhatIsWrongWithAnAuthorizationRequest(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.server.AddClient(processmakertest.Client{ID: 7, Name: "two", Redirect: redirectURI + ",http://localhost"})
	public := s.server.AddClient(processmakertest.Client{ID: 8, Name: "public", Redirect: redirectURI})
	s.server.SetClientSecret(public.ID, "")
	cases := []struct {
		change      url.Values
		error, hint string
	}{
		{url.Values{"response_type": {""}}, "unsupported_grant_type", "Check that all required parameters have been provided"},
		{url.Values{"response_type": {"token"}}, "unsupported_grant_type", "Check that all required parameters have been provided"},
		{url.Values{"client_id": {""}}, "unsupported_grant_type", "Check that all required parameters have been provided"},
		{url.Values{"client_id": {"6"}}, "invalid_client", ""},
		{url.Values{"client_id": {"7"}, "redirect_uri": {""}}, "invalid_client", ""},
		{url.Values{"client_id": {"8"}}, "invalid_request", "Code challenge must be provided for public clients"},
		{url.Values{"code_challenge": {"short"}}, "invalid_request", "Code challenge must follow the specifications of RFC-7636."},
		{url.Values{"code_challenge": {"short"}, "code_challenge_method": {"S512"}}, "invalid_request", "Code challenge method must be one of `S256`, `plain`"},
	}
	for _, test := range cases {
		// Without a web session: nobody signs in for a request that is wrong.
		got := s.send("GET", authorizePath(test.change), "", "Accept", "text/html")
		assert.Equal(t, []string{test.error, test.hint}, []string{got.field("error"), got.field("hint")}, "%v", test.change)
	}

	got := locationOf(t, s.send("GET", authorizePath(url.Values{"scope": {"view-users"}, "redirect_uri": {""}}), ""))
	assert.True(t, strings.HasPrefix(got.String(), redirectURI+"?error=invalid_scope"))
	league9 := newStage(t, func(c *processmakertest.Config) { c.League9 = true })
	got = locationOf(t, league9.send("GET", authorizePath(url.Values{"scope": {"view-users"}}), ""))
	assert.NotContains(t, got.Query(), "message")
}

func TestARequestMayLeaveTheRedirectToTheRegistration(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	got, err := s.signIn(url.Values{"redirect_uri": {""}, "scope": {"*"}}, "admin")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(got.String(), redirectURI+"?code="))
	token := s.pairOf(s.grant(fields{"grant_type": "authorization_code", "client_id": "2", "code": got.Query().Get("code")}))
	_, claims := decodeJWT(t, token.access)
	assert.Empty(t, claims["scopes"])

	s.server.AddClient(processmakertest.Client{ID: 2, Name: "query", Redirect: redirectURI + "?a=b"})
	got, err = s.signIn(url.Values{"redirect_uri": {""}}, "alice")
	require.NoError(t, err)
	assert.Equal(t, "b", got.Query().Get("a"))
	assert.NotEmpty(t, got.Query().Get("code"))
}

func TestTheOtherPages(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	assert.Equal(t, http.StatusUnauthorized, s.send("GET", authorizePath(nil), "", "Accept", "application/json").status)
	got := s.send("PUT", authorizePath(nil), "", "Accept", "application/json")
	assert.Equal(t, http.StatusMethodNotAllowed, got.status)
	assert.Equal(t, "GET, HEAD, POST, DELETE", got.header.Get("Allow"))
	assert.Equal(t, "GET, HEAD, POST", s.send("DELETE", "/login", "").header.Get("Allow"))
	assert.Equal(t, http.StatusBadRequest, s.send("POST", "/login", "{", "Content-Type", "application/json").status)

	s.webLogin("admin")
	assert.Equal(t, s.server.URL()+"/requests", locationOf(t, s.send("GET", "/login", "")).String())
	assert.Equal(t, http.StatusNotFound, s.send("GET", "/requests", "").status)
}

func TestTheLoginRenamesTheSession(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	before := s.send("GET", "/login", "").header.Get("Set-Cookie")
	cookie, _, _ := strings.Cut(before, ";")
	form := url.Values{"username": {"admin"}, "password": {"admin"}}
	after := s.send("POST", "/login", form.Encode(), "Content-Type", formType, "Cookie", cookie).header.Get("Set-Cookie")
	assert.NotEqual(t, before, after)
	got := s.send("GET", authorizePath(nil), "", "Cookie", cookie)
	assert.Equal(t, s.server.URL()+"/login", locationOf(t, got).String(), "the old cookie is worth nothing")
}
