package processmakertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestBearerTokensAreReadAsTheFrameworkDoes(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	token := s.login("admin").access
	for header, want := range map[string]int{
		"Bearer " + token: 200, "Bearer   " + token: 200, "bearer " + token: 401, "Token " + token: 401, token: 401, "Bearer": 401,
	} {
		got := s.send("GET", "/api/1.0/users/1", "", "Authorization", header)
		assert.Equal(t, want, got.status, "%.12q", header)
		assert.Equal(t, "application/json", got.header.Get("Content-Type"))
		assert.Empty(t, got.header.Get("WWW-Authenticate"))
	}
}

func TestWebPathsSendToTheLogin(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for _, path := range []string{"/", "/oauth/token", "/oauth/tokens", "/.well-known/openid-configuration"} {
		got := s.send("GET", path, "")
		assert.Equal(t, http.StatusFound, got.status, path)
		assert.Equal(t, s.server.URL()+"/login", got.header.Get("Location"), path)
	}
	assert.Equal(t, http.StatusMethodNotAllowed, s.send("PUT", "/oauth/token", "").status)
	assert.Contains(t, s.send("POST", "/%01%22%ff", "", "Accept", "application/json").field("message"), "not supported")
	assert.Equal(t, http.StatusOK, s.send("HEAD", "/api/1.0/users/1", "", "Authorization", "Bearer "+s.login("admin").access).status)
}

func TestWhoMaySeeAndEditWhom(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.server.AddUser(processmakertest.User{Username: "viewer", Permissions: []string{"view-users"}})
	s.server.AddUser(processmakertest.User{Username: "editor", Permissions: []string{"edit-users"}})
	admin := s.login("admin")
	cases := []struct {
		caller             string
		list, show, delete int
	}{
		{"admin", 200, 200, 500}, {"alice", 403, 403, 403}, {"viewer", 200, 200, 403}, {"editor", 403, 403, 500},
	}
	for _, test := range cases {
		target, caller := s.login("admin"), s.login(test.caller)
		if test.caller == "admin" {
			caller = admin
		}
		assert.Equal(t, test.list, s.api("GET", "users", caller.access, "").status, test.caller)
		assert.Equal(t, test.show, s.api("GET", "users/1", caller.access, "").status, test.caller)
		assert.Equal(t, test.show, s.api("GET", "users/1/tokens", caller.access, "").status, test.caller)
		assert.Equal(t, test.show, s.api("GET", "users/1/tokens/"+target.jti, caller.access, "").status, test.caller)
		assert.Equal(t, test.delete, s.api("DELETE", "users/1/tokens/"+target.jti, caller.access, "").status, test.caller)
		assert.Equal(t, test.delete == 403, s.server.Accepts(target.access), test.caller)
	}
}

func TestMakingTokensForOthersBeforeAndAfter4151(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]int{"4.15.0": 200, "4.15.1": 403} {
		s := newStage(t, func(c *processmakertest.Config) { c.Release = release })
		s.server.AddUser(processmakertest.User{Username: "editor", Permissions: []string{"edit-users"}})
		assert.Equal(t, want, s.api("POST", "users/1/tokens", s.login("editor").access, `{"name":"x"}`).status, release)
	}
}

func TestDeletingAnUnnamedTokenBeforeAndAfter47(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]int{"4.6.9": 204, "4.7.0": 500} {
		s := newStage(t, func(c *processmakertest.Config) { c.Release = release })
		token := s.login("alice")
		assert.Equal(t, want, s.api("DELETE", "users/2/tokens/"+token.jti, token.access, "").status, release)
		assert.False(t, s.server.Accepts(token.access), "the row is revoked either way")
		assert.Equal(t, 401, s.api("DELETE", "users/2/tokens/"+token.jti, token.access, "").status)
	}
}

func TestATokenOfAnotherUserIsNotFound(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin, alice := s.login("admin"), s.login("alice")
	got := s.api("DELETE", "users/1/tokens/"+alice.jti, admin.access, "")
	assert.Equal(t, []any{404, `{"error":"Not Found"}`}, []any{got.status, got.body})
	got = s.api("GET", "users/1/tokens/"+alice.jti, admin.access, "")
	assert.Equal(t, []any{404, `[]`}, []any{got.status, got.body})
	assert.Equal(t, 404, s.api("GET", "users/7", admin.access, "").status, "deleted users are gone")
	assert.Equal(t, 404, s.api("GET", "users/99999999999999999999", admin.access, "").status)
}

func TestValidationOfNewTokens(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin := s.login("admin")
	for body, want := range map[string]string{
		`{"name":" "}`: "The Name field is required.",
		`{"name":[7]}`: "The Name must be a string.",
		`{"name":"` + strings.Repeat("x", 256) + `"}`: "The Name may not be greater than 255 characters.",
		`{"scopes":["*"]}`:                            "The Name field is required. (and 1 more error)",
	} {
		got := s.api("POST", "users/1/tokens", admin.access, body)
		assert.Equal(t, http.StatusUnprocessableEntity, got.status)
		assert.Equal(t, want, got.field("message"))
	}
	assert.Len(t, s.server.LiveTokens(), 1)
}

func TestWithoutAPersonalClientNoTokenIsMade(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin := s.login("admin")
	s.server.RevokeClient(1)
	assert.Equal(t, 500, s.api("POST", "users/1/tokens", admin.access, `{"name":"x"}`).status)
	repaired := s.server.AddClient(processmakertest.Client{Name: "repaired", PersonalAccess: true})
	_, claims := decodeJWT(t, s.personal(admin, "1", "x").access)
	assert.Equal(t, fmt.Sprint(repaired.ID), claims["aud"])
}

type listPage struct {
	Data []struct {
		ID     string `json:"id"`
		Client struct {
			Name string `json:"name"`
		} `json:"client"`
	} `json:"data"`
	Meta struct {
		Total, Count int
		From, To     *int
		LastPage     int `json:"last_page"`
	} `json:"meta"`
}

func TestPagesOfTokens(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin := s.login("admin")
	for i := range 25 {
		s.personal(admin, "2", fmt.Sprintf("lease %d", i))
	}
	seen := []string{}
	read := func(query string) listPage {
		var page listPage
		require.NoError(t, json.Unmarshal([]byte(s.api("GET", "users/2/tokens"+query, admin.access, "").body), &page))
		return page
	}
	for number, want := range map[int]int{1: 10, 2: 10, 3: 5} {
		page := read(fmt.Sprintf("?page=%d", number))
		assert.Len(t, page.Data, want)
		assert.Equal(t, 3, page.Meta.LastPage)
		for _, item := range page.Data {
			assert.Equal(t, "PmApi", item.Client.Name)
			seen = append(seen, item.ID)
		}
	}
	all := read("?per_page=9223372036854775807")
	assert.Len(t, all.Data, 25)
	ids := []string{}
	for _, item := range all.Data {
		ids = append(ids, item.ID)
	}
	assert.IsIncreasing(t, ids, "the order is that of the ids")
	assert.ElementsMatch(t, ids, seen)
	for _, query := range []string{"?page=4", "?page=9223372036854775807"} {
		beyond := read(query)
		assert.Empty(t, beyond.Data)
		assert.Nil(t, beyond.Meta.From)
		assert.Equal(t, 25, beyond.Meta.Total)
	}
	assert.Len(t, read("?page=x&per_page=-1").Data, 10)

	s.server.RevokeTokenByID(ids[0])
	s.server.ExpireToken(ids[1])
	assert.Equal(t, 24, read("").Meta.Total, "revoked tokens are not listed, expired ones are")
}

func TestFindingUsersByAPartOfTheirNames(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin := s.login("admin")
	for filter, want := range map[string]int{"ALI": 1, "doe": 1, "example.com": 6, "nobody": 0, "deleted": 0} {
		var page struct {
			Data []map[string]any `json:"data"`
		}
		require.NoError(t, json.Unmarshal([]byte(s.api("GET", "users?filter="+filter, admin.access, "").body), &page))
		assert.Len(t, page.Data, want, filter)
	}
}

func userBody(changes map[string]any) string {
	body := map[string]any{"username": "alice", "firstname": "Alice", "lastname": "Doe", "email": "alice@example.com", "status": "ACTIVE"}
	for name, value := range changes {
		body[name] = value
	}
	text, _ := json.Marshal(body)
	return string(text)
}

func TestUpdatingAUser(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	alice := s.login("alice")
	put := func(changes map[string]any) reply { return s.api("PUT", "users/2", alice.access, userBody(changes)) }

	assert.Equal(t, 204, put(map[string]any{"password": "Changed-1!"}).status)
	s.login("alice")
	assert.True(t, s.server.Accepts(alice.access), "a new password revokes nothing")
	assert.Equal(t, "Changed-1!", s.server.User("alice").Password)

	assert.Equal(t, 403, put(map[string]any{"username": "alicia"}).status)
	assert.Equal(t, 403, put(map[string]any{"flag": true}).status, "any true counts as a change of the password")
	assert.Equal(t, 422, put(map[string]any{"lastname": ""}).status)
	assert.Equal(t, 422, put(map[string]any{"email": "other@example.com"}).status)
	assert.Equal(t, 204, put(map[string]any{"email": "other@example.com", "valpassword": "Changed-1!"}).status)
	assert.Equal(t, 500, s.api("PUT", "users/2", alice.access, `{"password":"Changed-2!"}`).status)
	assert.Equal(t, 403, s.api("PUT", "users/1", alice.access, userBody(nil)).status)
	assert.Equal(t, 422, s.api("PUT", "users/2", s.login("admin").access, userBody(map[string]any{"username": "ADMIN"})).status)
}

func TestPasswordPolicy(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	alice := s.login("alice")
	for password, faults := range map[string]int{"Aa1!": 1, "abcdefgh1!": 1, "Abcdefgh!": 1, "Abcdefgh1": 1, "a": 4} {
		got := s.api("PUT", "users/2", alice.access, userBody(map[string]any{"password": password}))
		assert.Equal(t, http.StatusUnprocessableEntity, got.status, password)
		var body struct {
			Errors map[string][]string `json:"errors"`
		}
		require.NoError(t, json.Unmarshal([]byte(got.body), &body))
		assert.Len(t, body.Errors["password"], faults, password)
	}
	assert.Equal(t, "alice-Passw0rd!", s.server.User("alice").Password)
}

func TestChangingTheOwnPassword(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	user := s.login("forcechange")
	change := func(password, confirmation string) reply {
		body, err := json.Marshal(map[string]string{"password": password, "confpassword": confirmation})
		require.NoError(t, err)
		return s.api("PUT", "password/change", user.access, string(body))
	}
	assert.Equal(t, 422, change("", "").status)
	assert.Equal(t, 422, change("short", "short").status)
	assert.Equal(t, 422, change("Changed-1!", "Other-1!").status)
	got := change("Changed-1!", "Changed-1!")
	assert.Equal(t, []any{200, `{"success":"ok"}`}, []any{got.status, got.body})
	assert.False(t, s.server.User("forcechange").ForcePasswordChange)
	s.login("forcechange")

	assert.Equal(t, 200, change("Ch<b>anged-{{2}}!", "Ch<b>anged-{{2}}!").status)
	assert.Equal(t, "Changed-2!", s.server.User("forcechange").Password, "marks are removed without a word")

	s.server.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.FailedSave()})
	got = change("Changed-3!", "Changed-3!")
	assert.Equal(t, []any{200, `"false"`}, []any{got.status, got.body})
	assert.Equal(t, "Changed-2!", s.server.User("forcechange").Password)
	assert.Equal(t, 200, s.api("GET", fmt.Sprintf("users/%d", s.server.User("forcechange").ID), user.access, "").status, "no token ends by a change of the password")

	old := newStage(t, func(c *processmakertest.Config) { c.Release = "4.2.18" })
	assert.Equal(t, 405, old.api("PUT", "password/change", old.login("admin").access, "{}").status)
}
