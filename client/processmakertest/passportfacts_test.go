package processmakertest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// verdict is what an answer of the token endpoint says.
type verdict struct {
	status     int
	code, hint string
}

// granted is the verdict of a success.
var granted = verdict{status: http.StatusOK}

// check names the parameter in a hint.
func check(parameter string) string { return "Check the `" + parameter + "` parameter" }

// fact is a token call that the two versions of Passport answer differently.
type fact struct {
	ask                    func(*stage) fields
	passport12, passport13 verdict
}

// with changes the login of the administrator.
func with(changes fields) func(*stage) fields {
	return func(s *stage) fields {
		f := s.passwordFields("admin")
		for name, value := range changes {
			f[name] = value
		}
		return f
	}
}

// exchanged is the exchange of a code by another client or address than its own.
func exchanged(changes fields) func(*stage) fields {
	return func(s *stage) fields {
		f := fields{"grant_type": "authorization_code", "client_id": "2", "redirect_uri": redirectURI, "code": code(s)["AUTH_CODE"]}
		for name, value := range changes {
			f[name] = value
		}
		return f
	}
}

// facts need no recording: they say what the recordings say.
var facts = map[string]fact{
	"wrong password":    {with(fields{"password": "wrong"}), verdict{400, "invalid_grant", ""}, verdict{400, "invalid_grant", ""}},
	"wrong secret":      {with(fields{"client_secret": "wrong"}), verdict{401, "invalid_client", ""}, verdict{401, "invalid_client", ""}},
	"unknown client":    {with(fields{"client_id": "99", "client_secret": "x"}), verdict{401, "invalid_client", ""}, verdict{401, "invalid_client", ""}},
	"missing secret":    {with(fields{"client_secret": ""}), verdict{401, "invalid_client", ""}, verdict{400, "invalid_request", check("client_secret")}},
	"grant not allowed": {with(fields{"client_id": "2"}), verdict{401, "invalid_client", ""}, verdict{400, "unauthorized_client", ""}},
	"grant not allowed, wrong secret": {with(fields{"client_id": "2", "client_secret": "wrong"}),
		verdict{401, "invalid_client", ""}, verdict{400, "unauthorized_client", ""}},
	"client id with letters":         {with(fields{"client_id": "3abc", "client_secret": secretOf3}), verdict{500, "", ""}, granted},
	"client id with a zero":          {with(fields{"client_id": "03", "client_secret": secretOf3}), granted, granted},
	"client id that is a list":       {with(fields{"client_id": []int{3}, "client_secret": secretOf3}), verdict{500, "", ""}, verdict{400, "invalid_request", check("client_id")}},
	"password that is a number":      {with(fields{"password": 7}), verdict{400, "invalid_request", check("password")}, verdict{400, "invalid_grant", ""}},
	"password with blanks around":    {spacesLogin, granted, verdict{400, "invalid_grant", ""}},
	"scopes as a list":               {with(fields{"scope": []string{"*"}}), granted, verdict{400, "invalid_request", check("scope")}},
	"unregistered redirect at login": {with(fields{"redirect_uri": "http://elsewhere.example"}), verdict{401, "invalid_client", ""}, granted},
	"personal access over HTTP": {func(*stage) fields { return fields{"grant_type": "personal_access", "client_id": "1", "user_id": "2"} },
		granted, verdict{400, "unsupported_grant_type", "Check that all required parameters have been provided"}},
	"a client's own token":                       {func(*stage) fields { return fields{"grant_type": "client_credentials", "client_id": "5"} }, granted, granted},
	"an owned client's own token":                {ownedClient, granted, verdict{400, "unauthorized_client", ""}},
	"a dead refresh token":                       {usedRefresh, verdict{401, "invalid_request", "Token has been revoked"}, verdict{400, "invalid_grant", "Token has been revoked"}},
	"a garbled refresh token":                    {func(*stage) fields { return refreshFields("x") }, verdict{401, "invalid_request", "Cannot decrypt the refresh token"}, verdict{400, "invalid_grant", "Cannot decrypt the refresh token"}},
	"a used code":                                {usedCode, verdict{400, "invalid_request", "Authorization code has been revoked"}, verdict{400, "invalid_grant", "Authorization code has been revoked"}},
	"a code sent by a client without an address": {exchanged(fields{"client_id": "5"}), verdict{401, "invalid_client", ""}, verdict{400, "unauthorized_client", ""}},
	"a code sent elsewhere":                      {exchanged(fields{"redirect_uri": "http://127.0.0.1:8250/other"}), verdict{401, "invalid_client", ""}, verdict{400, "invalid_request", "Invalid redirect URI"}},
	"another client's code": {codeOfAnother, verdict{400, "invalid_request", "Authorization code was not issued to this client"},
		verdict{400, "invalid_request", "Authorization code was not issued to this client"}},
	"a code of a client with both": {codeOfBoth, verdict{401, "invalid_client", ""}, granted},
}

const secretOf3 = "the secret of client 3"

func spacesLogin(s *stage) fields {
	s.server.SetPassword("alice", "  Sp4ces-Secret!x  ")
	return s.passwordFields("alice")
}

func ownedClient(s *stage) fields {
	s.server.SetClientOwner(5, 2)
	return fields{"grant_type": "client_credentials", "client_id": "5"}
}

func usedRefresh(s *stage) fields {
	old := s.login("admin")
	s.refresh(old.refresh)
	return refreshFields(old.refresh)
}

func usedCode(s *stage) fields {
	f := exchanged(nil)(s)
	s.pairOf(s.grant(f))
	return f
}

func codeOfAnother(s *stage) fields {
	another := s.server.AddClient(processmakertest.Client{ID: 11, Redirect: redirectURI, AuthorizationCode: true})
	return exchanged(fields{"client_id": "11", "client_secret": another.Secret})(s)
}

func codeOfBoth(s *stage) fields {
	both := s.server.AddClient(processmakertest.Client{ID: 11, Redirect: redirectURI, Password: true, AuthorizationCode: true})
	f := exchanged(fields{"client_id": "11", "client_secret": both.Secret})(s)
	f["code"] = code13(11)(s)["AUTH_CODE"]
	return f
}

func TestWhatThePassportsAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range facts {
		for version, want := range map[int]verdict{12: test.passport12, 13: test.passport13} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, func(c *processmakertest.Config) { c.Passport = version })
				s.server.SetClientSecret(3, secretOf3)
				got := s.grant(test.ask(s))
				assert.Equal(t, want, verdict{got.status, got.field("error"), got.field("hint")}, "Passport %d: %s", version, got.body)
				if want.code != "" && version == 12 {
					assert.Equal(t, got.field("error_description"), got.field("message"))
				} else if want.code != "" {
					assert.NotContains(t, got.body, `"message"`)
				}
			})
		}
	}
}

func TestTheSubjectOfAClientsOwnToken(t *testing.T) {
	t.Parallel()
	for version, subject := range map[int]string{12: "", 13: "5"} {
		s := newStage(t, func(c *processmakertest.Config) { c.Passport = version })
		token := s.pairOf(s.grant(fields{"grant_type": "client_credentials", "client_id": "5"}))
		_, claims := decodeJWT(t, token.access)
		assert.Equal(t, subject, claims["sub"])
		assert.Equal(t, http.StatusUnauthorized, s.api("GET", "users/1", token.access, "").status)
	}
}

func TestARefusedScopeKeepsTheStateUnderPassport13(t *testing.T) {
	t.Parallel()
	for version, state := range map[int]string{12: "", 13: "the-state"} {
		s := newStage(t, func(c *processmakertest.Config) { c.Passport = version })
		location := locationOf(t, s.send("GET", authorizePath(url.Values{"state": {"the-state"}, "scope": {"nope"}}), ""))
		assert.Equal(t, "invalid_scope", location.Query().Get("error"))
		assert.Equal(t, state, location.Query().Get("state"))
		assert.Equal(t, version == 12, location.Query().Has("message"))
	}
}

func TestWhatTheTokenCallsShowOfEndedTokens(t *testing.T) {
	t.Parallel()
	for version, want := range map[int]struct {
		shown, deleted, listed int
		body                   string
	}{
		12: {200, 204, 1, `"revoked":true`},
		13: {404, 404, 0, `[]`},
	} {
		s := newStage(t, func(c *processmakertest.Config) { c.Passport = version })
		admin := s.login("admin")
		revoked, expired := s.personal(admin, "2", "revoked"), s.personal(admin, "2", "expired")
		s.server.RevokeTokenByID(revoked.jti)
		s.server.ExpireToken(expired.jti)
		shown := s.api("GET", "users/2/tokens/"+revoked.jti, admin.access, "")
		assert.Equal(t, want.shown, shown.status)
		assert.Contains(t, shown.body, want.body)
		assert.Equal(t, want.listed, strings.Count(s.api("GET", "users/2/tokens", admin.access, "").body, `"name":"expired"`))
		for _, token := range []pair{revoked, expired} {
			assert.Equal(t, want.deleted, s.api("DELETE", "users/2/tokens/"+token.jti, admin.access, "").status)
		}
	}
}
