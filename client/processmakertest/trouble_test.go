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

// bothWorlds runs a test under either version of Passport.
func bothWorlds(t *testing.T, test func(t *testing.T, s *stage)) {
	for name, version := range map[string]int{"Passport 12": 12, "Passport 13": 13} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newStage(t, func(c *processmakertest.Config) { c.Passport = version }))
		})
	}
}

// always injects a fault that stays.
func (s *stage) always(on processmakertest.Endpoint, do processmakertest.Effect) (remove func()) {
	return s.server.Inject(processmakertest.Fault{On: on, Times: -1, Do: do})
}

func TestStoppedWorkers(t *testing.T) {
	t.Parallel()
	bothWorlds(t, func(t *testing.T, s *stage) {
		token := s.login("admin")
		defer s.always(processmakertest.Any, processmakertest.BadGateway())()
		for _, got := range []reply{
			s.grant(s.passwordFields("admin")), s.api("DELETE", "users/1/tokens/"+token.jti, token.access, ""), s.api("PATCH", "x", "", ""),
		} {
			assert.Equal(t, http.StatusBadGateway, got.status)
			assert.Equal(t, "text/html", got.header.Get("Content-Type"))
			assert.Empty(t, got.header.Values("X-Tenant-Id"))
			assert.Contains(t, got.body, "<title>502 Bad Gateway</title>")
		}
		assert.Len(t, s.server.LiveTokens(), 1)
		assert.True(t, s.server.Accepts(token.access))
	})
}

func TestAGatewayThatLosesAnAnswer(t *testing.T) {
	t.Parallel()
	for status, title := range map[int]string{500: "Internal Server Error", 504: "Gateway Timeout", 520: "unknown error", 524: "A timeout occurred"} {
		s := newStage(t, nil)
		got, err := s.hit(processmakertest.GatewayError(status))
		require.NoError(t, err)
		assert.Equal(t, status, got.status)
		assert.Contains(t, got.body, title)
		assert.Len(t, s.server.LiveTokens(), 1, "the login took effect")
		assert.Len(t, s.server.UnreadTokens(), 1)
	}
}

func TestADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	bothWorlds(t, func(t *testing.T, s *stage) {
		token := s.login("admin")
		code := s.server.AuthorizationCode(processmakertest.Approval{ClientID: 2, Username: "admin", RedirectURI: redirectURI})
		back := s.always(processmakertest.Any, processmakertest.DatabaseAway())
		for name, got := range map[string]reply{
			"login":       s.grant(s.passwordFields("admin")),
			"refresh":     s.grant(refreshFields(token.refresh)),
			"code":        s.exchange(code, nil),
			"creation":    s.api("POST", "users/1/tokens", token.access, `{"name":"x"}`),
			"deletion":    s.api("DELETE", "users/1/tokens/"+token.jti, token.access, ""),
			"list":        s.api("GET", "users/1/tokens", token.access, ""),
			"user":        s.api("GET", "users/1", token.access, ""),
			"nothing":     s.api("GET", "nothing", token.access, ""),
			"authorize":   s.send("GET", authorizePath(url.Values{}), "", "Accept", "application/json"),
			"login form":  s.send("POST", "/login", "username=admin&password=admin", "Content-Type", formType, "Accept", "application/json"),
			"wrong login": s.grant(fields{"grant_type": "password", "username": "nobody", "password": "x"}),
		} {
			assert.Equal(t, http.StatusInternalServerError, got.status, name)
			assert.Equal(t, "Server Error", got.field("message"), name)
		}
		assert.Equal(t, http.StatusBadRequest, s.grant(fields{"grant_type": "magic"}).status)
		assert.Equal(t, http.StatusUnauthorized, s.api("GET", "users/1", "garbage", "").status)
		assert.Equal(t, http.StatusMethodNotAllowed, s.api("PATCH", "users/1", token.access, "").status)

		back()
		assert.Len(t, s.server.LiveTokens(), 1, "nothing was done")
		s.refresh(token.refresh)
		s.pairOf(s.exchange(code, nil))
	})
}

func TestAHalfCreationLeavesATokenWithoutAName(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		how    processmakertest.Effect
		status int
	}{
		"the database died": {processmakertest.Effect{}, http.StatusInternalServerError},
		"a worker died":     {processmakertest.BadGateway(), http.StatusBadGateway},
		"all died":          {processmakertest.Refuse(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothWorlds(t, func(t *testing.T, s *stage) {
				admin := s.login("admin")
				s.server.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.HalfCreation(test.how)})
				got, err := s.try("POST", "/api/1.0/users/2/tokens", `{"name":"mine"}`,
					"Authorization", "Bearer "+admin.access, "Content-Type", "application/json")
				assert.Equal(t, test.status == 0, err != nil)
				assert.Equal(t, test.status, got.status)

				live := s.server.LiveTokens()
				require.Len(t, live, 2)
				assert.Empty(t, live[1].Name)
				assert.False(t, live[1].AnswerRead)
				list := s.api("GET", "users/2/tokens", admin.access, "").body
				assert.Contains(t, list, `"id":"`+live[1].ID+`"`)
				assert.Contains(t, list, `"name":null`)
				// A token without a name is deleted as one of a login is.
				assert.Equal(t, 500, s.api("DELETE", "users/2/tokens/"+live[1].ID, admin.access, "").status)
				assert.Len(t, s.server.LiveTokens(), 1)
				s.personal(admin, "2", "mine")
			})
		})
	}
}

func TestARefusedCreationIsNotBroken(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	alice := s.login("alice")
	s.always(processmakertest.Any, processmakertest.HalfCreation(processmakertest.BadGateway()))
	assert.Equal(t, http.StatusForbidden, s.api("POST", "users/1/tokens", alice.access, `{"name":"x"}`).status)
	assert.Equal(t, http.StatusUnprocessableEntity, s.api("POST", "users/2/tokens", alice.access, `{"name":"`+strings.Repeat("x", 256)+`"}`).status)
	assert.Len(t, s.server.LiveTokens(), 1)
	s.login("alice")
}
