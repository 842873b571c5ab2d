package processmakertest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func (s *stage) exchange(code string, more fields) reply {
	s.Helper()
	f := fields{"grant_type": "authorization_code", "client_id": "2", "code": code, "redirect_uri": redirectURI}
	for name, value := range more {
		f[name] = value
	}
	return s.grant(f)
}

func TestAnAuthorizationCodeLivesTenMinutes(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	first, second := code(s)["AUTH_CODE"], code(s)["AUTH_CODE"]
	s.clock.Advance(10 * time.Minute)
	token := s.pairOf(s.exchange(first, nil))
	assert.Equal(t, "authorization_code", s.server.LiveTokens()[0].Grant)
	s.clock.Advance(time.Second)
	assert.Equal(t, "Authorization code has expired", s.exchange(second, nil).field("hint"))
	s.server.PurgeRevoked()
	s.clock.Advance(-time.Minute)
	assert.Equal(t, "Authorization code has been revoked", s.exchange(first, nil).field("hint"))
	s.clock.Advance(time.Minute)
	next := s.grant(fields{"grant_type": "refresh_token", "client_id": "2", "refresh_token": token.refresh})
	assert.True(t, s.server.Accepts(s.pairOf(next).access), "using a code twice revokes nothing")
}

func TestWhatACodeWasAskedForWith(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	verifier := strings.Repeat("plain-", 8)
	plain := s.server.AuthorizationCode(processmakertest.Approval{
		ClientID: 2, Username: "admin", RedirectURI: redirectURI, CodeChallenge: verifier, CodeChallengeMethod: "plain",
	})
	ordinary := code(s)["AUTH_CODE"]
	cases := []struct {
		code string
		more fields
		hint string
	}{
		{ordinary, fields{"redirect_uri": ""}, "Check the `redirect_uri` parameter"},
		{ordinary, fields{"redirect_uri": "http://127.0.0.1:1/oauth/callback"}, "Invalid redirect URI"},
		{ordinary, fields{"code_verifier": verifier}, "code_verifier received when no code_challenge is present"},
		{plain, fields{"code_verifier": "short"}, "Code Verifier must follow the specifications of RFC-7636."},
	}
	for _, test := range cases {
		got := s.exchange(test.code, test.more)
		assert.Equal(t, http.StatusBadRequest, got.status)
		assert.Equal(t, test.hint, got.field("hint"))
	}
	s.pairOf(s.exchange(ordinary, nil))
	s.pairOf(s.exchange(plain, fields{"code_verifier": verifier}))
}

func TestGrantsWithoutAUser(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *processmakertest.Config) { c.GrantDelay = time.Microsecond })
	call := func(grant, client string, more fields) reply {
		f := fields{"grant_type": grant, "client_id": client}
		for name, value := range more {
			f[name] = value
		}
		return s.grant(f)
	}
	assert.Equal(t, "invalid_scope", call("client_credentials", "2", fields{"scope": "x"}).field("error"))
	assert.Equal(t, "invalid_client", call("client_credentials", "6", nil).field("error"))
	assert.Equal(t, "invalid_client", call("personal_access", "3", nil).field("error"), "the client has to be made for it")
	assert.Equal(t, "invalid_scope", call("personal_access", "1", fields{"scope": "x"}).field("error"))
	assert.Equal(t, http.StatusInternalServerError, call("personal_access", "1", fields{"user_id": "x"}).status)
	s.pairOf(call("personal_access", "1", fields{"user_id": 2}))
	assert.Len(t, s.server.LiveTokens(), 1)

	s.server.SetClientSecret(2, "")
	assert.Equal(t, "invalid_client", call("client_credentials", "2", nil).field("error"), "public clients have no such grant")
}
