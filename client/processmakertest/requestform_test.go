package processmakertest_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

const formType = "application/x-www-form-urlencoded"

func TestAMultipartBodyIsAForm(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	for name, value := range map[string]string{
		"grant_type": "password", "client_id": "3", "client_secret": s.secret(3), "username": "admin", "password": "admin",
	} {
		require.NoError(t, writer.WriteField(name, value))
	}
	require.NoError(t, writer.Close())
	s.pairOf(s.send("POST", "/oauth/token", body.String(), "Content-Type", writer.FormDataContentType()))
	got := s.send("POST", "/oauth/token", body.String(), "Content-Type", "multipart/form-data")
	assert.Equal(t, "unsupported_grant_type", got.field("error"), "without a boundary there are no fields")
}

func TestParametersOfTheWrongType(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	cases := []struct {
		grant, field string
		value        any
		hint         string
	}{
		{"password", "client_secret", 1, "Check the `client_secret` parameter"},
		{"password", "username", 1, "Check the `username` parameter"},
		{"password", "password", 1, "Check the `password` parameter"},
		{"password", "password", "", "Check the `password` parameter"},
		{"password", "redirect_uri", 1, "Check the `redirect_uri` parameter"},
		{"password", "scope", 1, "Check the `scope` parameter"},
		{"password", "scope", []any{1}, "Check the `scope` parameter"},
		{"refresh_token", "refresh_token", 1, "Check the `refresh_token` parameter"},
		{"authorization_code", "code", 1, "Check the `code` parameter"},
	}
	for _, test := range cases {
		f := s.passwordFields("admin")
		if test.grant == "authorization_code" {
			f["client_id"] = "2"
		}
		f["grant_type"] = test.grant
		f[test.field] = test.value
		got := s.grant(f)
		assert.Equal(t, http.StatusBadRequest, got.status)
		assert.Equal(t, []string{"invalid_request", test.hint}, []string{got.field("error"), got.field("hint")})
		assert.Equal(t, got.field("error_description"), got.field("message"))
	}
}

func TestBodiesThatAreNoObject(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for body, message := range map[string]string{
		`[]`: "", `{}`: "", `"text"`: "Bad request.", `null`: "Bad request.", `3`: "Bad request.", `{} {}`: "Bad request.",
		"\xff\x00": "Bad request.", strings.Repeat("[", 20000): "Bad request.",
	} {
		got := s.send("POST", "/oauth/token", body, "Content-Type", "application/json", "Accept", "application/json")
		assert.Equal(t, http.StatusBadRequest, got.status)
		if message != "" {
			assert.Equal(t, message, got.field("message"))
		} else {
			assert.Equal(t, "unsupported_grant_type", got.field("error"))
		}
	}
	got := s.send("POST", "/oauth/token", strings.Repeat("x", 2<<20), "Content-Type", formType)
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.status)
}

func TestBlanksAreTrimmedExceptInPasswords(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.server.SetPassword("alice", " blank-A1! ")
	s.pairOf(s.grant(fields{"grant_type": " password\n", "client_id": " 3 ", "client_secret": "\t" + s.secret(3), "username": "\u200bALICE ", "password": " blank-A1! "}))
	got := s.grant(fields{"grant_type": "password", "username": "alice", "password": "blank-A1!"})
	assert.Equal(t, "invalid_grant", got.field("error"))
}

func TestBasicCredentials(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	const form = "grant_type=password&username=admin&password=admin"
	call := func(authorization, body string) reply {
		return s.send("POST", "/oauth/token", body, "Content-Type", formType, "Authorization", authorization)
	}
	good := basic("3", s.secret(3))
	s.pairOf(call("Basic "+good, form))
	s.pairOf(call("Basic "+basic("9", s.secret(3)), form+"&client_id=3"))
	s.pairOf(call("Basic "+basic("3", "wrong"), form+"&client_secret="+s.secret(3)))
	for _, unread := range []string{"basic " + good, "Basic !!!", "Basic", "Basic " + good[:2], "Digest " + good} {
		got := call(unread, form)
		assert.Equal(t, "Check the `client_id` parameter", got.field("hint"), "%q", unread)
		assert.Empty(t, got.header.Get("WWW-Authenticate"))
	}
	assert.Equal(t, `Basic realm="OAuth"`, call("Basic "+basic("3", "wrong"), form).header.Get("WWW-Authenticate"))
	assert.Equal(t, `Bearer realm="OAuth"`, call("Bearer x", form+"&client_id=3").header.Get("WWW-Authenticate"))
	assert.Empty(t, call("", form+"&client_id=3").header.Get("WWW-Authenticate"))
}

func TestTheClientIsHeldToItsIdAsSent(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	f := s.passwordFields("admin")
	f["client_id"], f["client_secret"] = "03", s.secret(3)
	token := s.pairOf(s.grant(f))
	_, claims := decodeJWT(t, token.access)
	assert.Equal(t, "03", claims["aud"])
	assert.Equal(t, "Token is not linked to client", s.grant(refreshFields(token.refresh)).field("hint"))

	f["client_id"] = []any{"3"}
	body, err := json.Marshal(f)
	require.NoError(t, err)
	assert.Equal(t, http.StatusInternalServerError, s.send("POST", "/oauth/token", string(body), "Content-Type", "application/json").status)
}

func TestARedirectURIHasToBeRegistered(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for uri, want := range map[string]string{
		"http://localhost": "", "http://localhost/": "invalid_client", "https://elsewhere.example": "invalid_client",
	} {
		f := s.passwordFields("admin")
		f["redirect_uri"] = uri
		assert.Equal(t, want, s.grant(f).field("error"), uri)
	}
	code := s.server.AuthorizationCode(processmakertest.Approval{ClientID: 2, Username: "alice", RedirectURI: "http://127.0.0.1:1/oauth/callback"})
	s.pairOf(s.grant(fields{"grant_type": "authorization_code", "client_id": "2", "code": code, "redirect_uri": "http://127.0.0.1:1/oauth/callback"}))
	assert.Empty(t, s.server.AuthorizationCode(processmakertest.Approval{ClientID: 2, Username: "deleted"}))
}

func TestScopesAreEscapedInHints(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	f := s.passwordFields("admin")
	f["scope"] = `* <b>`
	assert.Equal(t, "Check the `&lt;b&gt;` scope", s.grant(f).field("hint"))
}

func TestLeague9(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *processmakertest.Config) { c.League9 = true })
	got := s.grant(refreshFields("garbage"))
	assert.Equal(t, http.StatusBadRequest, got.status)
	assert.JSONEq(t, `{"error":"invalid_grant","error_description":"The refresh token is invalid.","hint":"Cannot decrypt the refresh token"}`, got.body)

	wrongGrant := s.passwordFields("admin")
	wrongGrant["client_id"] = "2"
	assert.Equal(t, "unauthorized_client", s.grant(wrongGrant).field("error"))
	s.pairOf(s.send("POST", "/oauth/token", "grant_type=password&username=admin&password=admin", "Content-Type", formType, "Authorization", "basic "+basic("3", s.secret(3))))
	numeric := s.passwordFields("admin")
	numeric["username"] = 1
	assert.Equal(t, "The user credentials were incorrect.", s.grant(numeric).field("error_description"))
	assert.Equal(t, "invalid_grant", s.grant(fields{"grant_type": "authorization_code", "client_id": "2", "code": "garbage"}).field("error"))
}

func TestReleasesWithoutPasswordGrant(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]string{"4.13.0": "", "4.14.0": "unsupported_grant_type", "4.14.1": "unsupported_grant_type", "4.14.2": ""} {
		s := newStage(t, func(c *processmakertest.Config) { c.Release = release })
		assert.Equal(t, want, s.grant(s.passwordFields("admin")).field("error"), release)
	}
}

func TestTheHostHeaderHasToBeTheServersOwn(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]int{"4.14.0": 401, "4.14.2": 400} {
		s := newStage(t, func(c *processmakertest.Config) { c.Release = release })
		assert.Equal(t, want, s.send("GET", "/api/1.0/users", "", "Host", "other.example.com").status, release)
		for _, own := range []string{"localhost", "localhost:80", "[::1]:80", "127.0.0.1", "sub.localhost:1"} {
			assert.Equal(t, 401, s.send("GET", "/api/1.0/users", "", "Host", own).status, own)
		}
	}
}
