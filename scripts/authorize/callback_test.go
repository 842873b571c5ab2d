package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// codes is a finish that keeps the codes it gets, and fails with err.
type codes struct {
	got []string
	err error
}

func (c *codes) finish(code string) (person, error) {
	c.got = append(c.got, code)
	return person{"alice", "2"}, c.err
}

func theAttempt() attempt {
	return attempt{mount: "pm", role: "reports", authorizationURL: "https://pm.example/", state: theState, redirectURI: theLocation}
}

func visit(c *callback, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestTheCallbackHandsTheCodeOverOnce(t *testing.T) {
	t.Parallel()
	var seen codes
	c := newCallback("/oauth/callback", theAttempt(), seen.finish, io.Discard)
	assert.Equal(t, http.StatusNotFound, visit(c, "GET", "/favicon.ico").Code)
	assert.Equal(t, http.StatusMethodNotAllowed, visit(c, "HEAD", "/oauth/callback?code=x&state="+theState).Code)
	got := visit(c, "GET", "/oauth/callback?code=the-code&state="+theState)
	assert.Equal(t, http.StatusOK, got.Code)
	assert.Contains(t, got.Body.String(), "You signed in to ProcessMaker as alice. Vault keeps the session for role reports.")
	assert.Contains(t, got.Body.String(), "You can close this window. The readers of the role now get tokens of alice with this command:")
	assert.Contains(t, got.Body.String(), "<pre>vault read pm/creds/reports</pre>")
	assert.NotContains(t, got.Body.String(), theCode)
	assert.Equal(t, "no-store", got.Header().Get("Cache-Control"))
	assert.Equal(t, "no-referrer", got.Header().Get("Referrer-Policy"))
	assert.Equal(t, result{who: person{"alice", "2"}}, <-c.done)

	again := visit(c, "GET", "/oauth/callback?code=the-code&state="+theState)
	assert.Contains(t, again.Body.String(), "This sign-in has ended")
	assert.Contains(t, again.Body.String(), "The terminal shows the result.")
	assert.Equal(t, []string{theCode}, seen.got)
}

func TestAnotherStateIsRefusedAndNotTheEnd(t *testing.T) {
	t.Parallel()
	var seen codes
	var output strings.Builder
	c := newCallback("/oauth/callback", theAttempt(), seen.finish, &output)
	for _, query := range []string{
		"code=evil&state=other", "code=evil", "error=access_denied&state=other", "error=access_denied", "error=evil%1b[31m", "", "state=" + theState[:3],
	} {
		got := visit(c, "GET", "/oauth/callback?"+query)
		assert.Equal(t, http.StatusBadRequest, got.Code)
		assert.Contains(t, got.Body.String(), "does not belong to the sign-in that waits")
		assert.Contains(t, got.Body.String(), "Open the address that it printed last, and sign in there.")
		assert.Empty(t, c.done, query)
	}
	assert.Empty(t, seen.got)
	assert.Empty(t, c.done)
	assert.NotContains(t, output.String(), "code=")
	assert.NotContains(t, output.String(), "\x1b")
	assert.NotContains(t, output.String(), theState)
	visit(c, "GET", "/oauth/callback?code=the-code&state="+theState)
	assert.NoError(t, (<-c.done).err)
}

func TestErrorsAreShownToThePerson(t *testing.T) {
	t.Parallel()
	for query, words := range map[string]string{
		"error=access_denied&state=" + theState:                                                    "not approved",
		"error=invalid_scope&hint=Check+the+%60x%60+scope&error_description=Bad&state=" + theState: `refused the sign-in with "invalid_scope": "Bad", "Check the`,
		"error=%1b[31m<b>&state=" + theState:                                                       `with "\x1b[31m<b>"`,
		"state=" + theState:                                                                        "no code",
	} {
		var seen codes
		c := newCallback("/oauth/callback", theAttempt(), seen.finish, io.Discard)
		got := visit(c, "GET", "/oauth/callback?"+query)
		require.ErrorContains(t, (<-c.done).err, words)
		assert.Equal(t, http.StatusBadRequest, got.Code)
		assert.Contains(t, got.Body.String(), "The sign-in failed")
		assert.Contains(t, got.Body.String(), "Run it again in the terminal")
		assert.NotContains(t, got.Body.String(), "<b>")
		assert.Empty(t, seen.got)
	}

	failing := codes{err: errors.New("Vault says <no>")}
	c := newCallback("/", theAttempt(), failing.finish, io.Discard)
	got := visit(c, "GET", "/?code=the-code&state="+theState)
	assert.Contains(t, got.Body.String(), "Vault says &lt;no&gt;")
	require.ErrorIs(t, (<-c.done).err, failing.err)
}

func TestWhatIsALoopbackAddress(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string][2]string{
		theLocation:               {"127.0.0.1:8250", "/oauth/callback"},
		"http://[::1]:9":          {"[::1]:9", "/"},
		"http://localhost/a%20b":  {"localhost:80", "/a b"},
		"http://127.1.2.3:1/?a=b": {"127.1.2.3:1", "/"},
	} {
		address, path, err := loopback(uri)
		require.NoError(t, err, uri)
		assert.Equal(t, want, [2]string{address, path})
	}
	for _, uri := range []string{
		"https://127.0.0.1:8250/", "http://vault.example/", "http://0.0.0.0:1/", "http://192.168.0.1/", "http://127.0.0.1.example/", "urn:ietf:wg:oauth:2.0:oob",
	} {
		_, _, err := loopback(uri)
		require.ErrorContains(t, err, "-no-listen", uri)
	}
	_, _, err := loopback("http://[")
	require.Error(t, err)
}

func TestWhatIsPasted(t *testing.T) {
	t.Parallel()
	cases := []struct{ line, trouble string }{
		{theLocation + "?code=the-code&state=" + theState + "\n", ""},
		{"  " + theLocation + "/?code=the-code&state=" + theState, ""},
		{"", "nothing was pasted"},
		{"\n", "copy the whole address"},
		{"the-code\n", "copy the whole address"},
		{"https://pm.example/oauth/authorize?code=the-code&state=" + theState, "copy the whole address"},
		{"http://[", "copy the whole address"},
		{theLocation + "?code=evil&state=other\n", "does not belong to the sign-in that waits"},
		{theLocation + "?error=access_denied\n", "not approved"},
		{theLocation + "?error=access_denied&state=" + theState, "not approved"},
		{"wrong\n\n" + theLocation + "?code=evil&state=other\n" + theLocation + "?error=x\n" + theLocation + "?code=the-code&state=" + theState + "\n", ""},
	}
	for _, test := range cases {
		var seen codes
		var output strings.Builder
		who, err := paste(t.Context(), theAttempt(), seen.finish, strings.NewReader(test.line), &output)
		assert.Contains(t, output.String(), "https://pm.example/")
		if test.trouble != "" {
			require.ErrorContains(t, err, test.trouble)
			assert.NotContains(t, err.Error(), theCode)
			assert.Empty(t, seen.got)
			continue
		}
		require.NoError(t, err, test.line)
		assert.Equal(t, person{"alice", "2"}, who)
		assert.Equal(t, []string{theCode}, seen.got)
	}
	bad := theAttempt()
	bad.redirectURI = "http://["
	_, err := paste(t.Context(), bad, nil, strings.NewReader("x"), io.Discard)
	require.ErrorContains(t, err, "redirect_uri is not an address")
	_, err = readRedirect(url.Values{}, theAttempt())
	require.ErrorIs(t, err, errOtherSignIn)
}
