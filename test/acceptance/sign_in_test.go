//go:build unix

package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// newPeopleMount has a role people that nobody has signed in for.
func newPeopleMount(t *testing.T, role fields) *mount {
	t.Helper()
	m := newSessionMount(t)
	m.write("roles/people", merge(m.peopleRole(), role))
	return m
}

func (m *mount) codesTraded() int { return m.pm.Count(processmakertest.AuthorizationCodeGrant) }

// requireNothing requires that nothing came of any sign-in.
func (m *mount) requireNothing() {
	m.t.Helper()
	assert.Empty(m.t, m.pm.LiveTokens())
	assert.Empty(m.t, m.list("sessions"))
}

// Who did not begin a sign-in neither completes nor spoils it.
func TestSignInOfAnotherCaller(t *testing.T) {
	t.Parallel()
	m := newPeopleMount(t, nil)
	m.write("roles/other", m.peopleRole())
	rules := m.peopleRules("people", "other")
	alice := m.person("alice", rules, nil)
	thieves := map[string]*mount{
		"an entity": m.person("mallory", rules, nil), "an orphan token": m.orphan(rules), "root": m,
	}
	owners := map[string]*mount{"an entity": alice, "an orphan token": m.orphan(rules)}
	for whose, owner := range owners {
		address, state := owner.begin("people")
		code := m.approve(address, "alice").Get("code")
		for who, thief := range thieves {
			requireStatus(t, thief.complete("people", code, state), http.StatusBadRequest, "vault write -f "+m.at("authorize/people"))
			t.Logf("%s was kept from the sign-in of %s", who, whose)
		}
		traded := m.codesTraded()
		requireStatus(t, owner.complete("other", code, state), http.StatusBadRequest, "authorize/")
		assert.Equal(t, traded, m.codesTraded(), "codes traded for somebody else")
		require.NoError(t, owner.complete("people", code, state))
	}

	// A person is the entity, not one of its tokens.
	address, state := alice.begin("people")
	code := m.approve(address, "alice").Get("code")
	again := m.personAgain("alice")
	require.NotEqual(t, alice.client.Token(), again.client.Token())
	require.NoError(t, again.complete("people", code, state))
	assert.Len(t, m.pm.LiveTokens(), 1, "sessions but the last")
}

func TestSignInIsCompletedOnce(t *testing.T) {
	t.Parallel()
	m := newPeopleMount(t, nil)
	address, state := m.begin("people")
	code := m.approve(address, "alice").Get("code")
	require.NoError(t, m.complete("people", code, state))
	live := m.pm.LiveTokens()
	for range 2 {
		requireStatus(t, m.complete("people", code, state), http.StatusBadRequest)
	}
	assert.Equal(t, 1, m.codesTraded())
	assert.Equal(t, live, m.pm.LiveTokens(), "a replay touched the session")

	// Many at once: the state is taken before the code is used.
	address, state = m.begin("people")
	code = m.approve(address, "alice").Get("code")
	errs := make([]error, 10)
	inParallel(len(errs), func(i int) { errs[i] = m.complete("people", code, state) })
	completed := 0
	for _, err := range errs {
		if err == nil {
			completed++
			continue
		}
		requireStatus(t, err, http.StatusBadRequest)
	}
	assert.Equal(t, 1, completed)
	assert.Len(t, m.pm.LiveTokens(), 1)
}

func TestSignInWithWhatDoesNotBelongToIt(t *testing.T) {
	t.Parallel()
	m := newPeopleMount(t, nil)
	requireStatus(t, m.complete("people", "code", "state"), http.StatusBadRequest)
	assert.Zero(t, m.codesTraded())

	// A code that an attacker got for an account of their own, slipped to
	// somebody: it was bound to another verifier.
	attack, _ := m.begin("people")
	slipped := m.approve(attack, "admin").Get("code")
	_, state := m.begin("people")
	requireStatus(t, m.complete("people", slipped, state), http.StatusBadRequest, "vault write -f "+m.at("authorize/people"))
	// A failed try uses the state up.
	address, state := m.begin("people")
	requireStatus(t, m.complete("people", "no-code", state), http.StatusBadRequest)
	code := m.approve(address, "alice").Get("code")
	requireStatus(t, m.complete("people", code, state), http.StatusBadRequest)
	m.requireNothing()
}

func TestSignInByAnotherUserThanThePinned(t *testing.T) {
	t.Parallel()
	m := newPeopleMount(t, nil)
	m.write("roles/people", fields{"session_user_id": fmt.Sprint(m.pm.User("alice").ID)})
	address, state := m.begin("people")
	code := m.approve(address, "admin").Get("code")
	requireStatus(t, m.complete("people", code, state), http.StatusBadRequest, "session_user_id")
	assert.Equal(t, 1, m.codesTraded())
	m.requireNothing()
	m.signIn("people", "alice")
	assert.Equal(t, "alice", m.get("sessions/people")["username"])
}

// Where nobody is pinned, the first is, until the session is deleted.
func TestSignInByAnotherUserThanTheFirst(t *testing.T) {
	t.Parallel()
	m := newPeopleMount(t, nil)
	m.signIn("people", "alice")
	c := m.read("people")
	address, state := m.begin("people")
	code := m.approve(address, "admin").Get("code")
	requireStatus(t, m.complete("people", code, state), http.StatusBadRequest, "sessions/people")
	for _, token := range m.pm.LiveTokens() {
		assert.Equal(t, m.pm.User("alice").ID, token.UserID)
	}
	assert.True(t, m.accepts(c.Token))
	assert.Equal(t, "alice", m.read("people").Data["username"])

	m.delete("sessions/people")
	m.signIn("people", "admin")
	assert.Equal(t, "admin", m.get("sessions/people")["username"])
}

// The consent was given to the role as it was.
func TestSignInForARoleThatChanged(t *testing.T) {
	t.Parallel()
	m := newPeopleMount(t, nil)
	own := m.pm.AddClient(processmakertest.Client{Name: "another", Redirect: m.pm.Client(codeClient).Redirect, AuthorizationCode: true})
	for name, change := range map[string]fields{
		"client":     {"client_id": clientID(own), "client_secret": own.Secret},
		"user_id":    {"user_id": "2"},
		"pinned":     {"session_user_id": "2"},
		"sign-in":    {"grant_type": "refresh_token", "redirect_uri": ""},
		"no role":    nil,
		"made again": nil,
	} {
		m.delete("roles/people")
		m.write("roles/people", m.peopleRole())
		address, state := m.begin("people")
		code := m.approve(address, "alice").Get("code")
		switch {
		case change == nil:
			m.delete("roles/people")
			if name == "made again" {
				m.write("roles/people", merge(m.peopleRole(), fields{"session_user_id": "1"}))
			}
		default:
			m.write("roles/people", change)
		}
		requireStatus(t, m.complete("people", code, state), http.StatusBadRequest)
		m.requireNothing()
	}
	assert.Zero(t, m.codesTraded())
}
