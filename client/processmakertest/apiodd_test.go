package processmakertest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamesOfTokensLoseWhatLooksLikeMarkup(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin := s.login("admin")
	for asked, stored := range map[string]string{
		`"a<b>c"`:        "ac",
		`"{{role}} x"`:   "role x",
		`"vault {1} <2"`: "vault {1} <2",
		`7`:              "7",
	} {
		got := s.api("POST", "users/1/tokens", admin.access, `{"name":`+asked+`}`)
		require.Equal(t, http.StatusOK, got.status, asked)
		live := s.server.LiveTokens()
		assert.Equal(t, stored, live[len(live)-1].Name)
	}
	for _, empty := range []string{`"<all>"`, `"{{}}"`, `false`} {
		assert.Equal(t, http.StatusUnprocessableEntity, s.api("POST", "users/1/tokens", admin.access, `{"name":`+empty+`}`).status, empty)
	}
}

func TestPagesThatTheProductFailsToDivide(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin := s.login("admin").access
	for query, status := range map[string]int{
		"?per_page=0": 500, "?per_page=all": 500, "?per_page=": 200, "?per_page=1": 200, "": 200,
	} {
		assert.Equal(t, status, s.api("GET", "users/1/tokens"+query, admin, "").status, query)
		assert.Equal(t, status, s.api("GET", "users"+query, admin, "").status, query)
	}
}

func TestTheMethodIsLookedAtBeforeTheToken(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"PATCH", "/api/1.0/users/1", 405, "GET, HEAD, PUT"},
		{"PUT", "/api/1.0/users/1/tokens", 405, "GET, HEAD, POST"},
		{"POST", "/api/1.0/users/1/tokens/x", 405, "GET, HEAD, DELETE"},
		{"DELETE", "/api/1.0/nothing", 405, "GET, HEAD"},
		{"DELETE", "/sub/path/api/1.0/users/1/tokens/x", 405, "GET, HEAD"},
		{"GET", "/api/1.0/nothing", 401, ""},
		{"GET", "/api/1.0/password/change", 401, ""},
		{"GET", "/sub/path/api/1.0/users/1", 401, ""},
		{"DELETE", "/api/1.0/users/1/tokens/x", 401, ""},
	} {
		got := s.send(test.method, test.path, "", "Accept", "application/json")
		assert.Equal(t, test.status, got.status, "%+v", test)
		assert.Equal(t, test.allow, got.header.Get("Allow"), "%+v", test)
		if test.status == http.StatusUnauthorized {
			assert.Equal(t, `{"error":"Unauthenticated."}`, got.body)
		} else {
			assert.Contains(t, got.field("message"), "is not supported for route")
		}
	}
	// A wrong base URL does not become right with a token.
	token := s.login("admin").access
	got := s.send("GET", "/sub/path/api/1.0/users/1", "", "Accept", "application/json", "Authorization", "Bearer "+token)
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.Equal(t, http.StatusMethodNotAllowed, s.send("POST", "/sub/path/oauth/token", "", "Accept", "application/json").status)
	assert.Equal(t, http.StatusBadRequest, s.send("POST", "/oauth/token", "", "Accept", "application/json").status)
}

func TestAPasswordChangeWithoutConfirmation(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	token := s.login("alice").access
	for _, password := range []string{"short", "New-Passw0rd!"} {
		body, err := json.Marshal(map[string]string{"password": password})
		require.NoError(t, err)
		got := s.api("PUT", "password/change", token, string(body))
		assert.Equal(t, http.StatusUnprocessableEntity, got.status)
		assert.Equal(t, `[]`, got.body)
	}
	assert.Equal(t, "alice-Passw0rd!", s.server.User("alice").Password)
}
