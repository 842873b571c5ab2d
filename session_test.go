package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestALostSessionSaysWhatToDo(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	state, code := h.begin("alice")
	resp, err := h.complete(state, code)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	h.clock.Advance(time.Hour)
	h.pm.RotateAppKey()
	h.pm.RevokeTokenByID(h.session().TokenID)
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "its session is lost")
	got := h.read("sessions/ci")
	require.Equal(t, "needs_sign_in", got["state"])
	require.NotEmpty(t, got["last_error"])
	require.Equal(t, "2", got["user_id"], "who may sign in again is remembered")
	h.pm.ResetLog()
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "authorize/ci")
	require.Zero(t, h.pm.Count(), "what is known to fail is not tried")

	state, code = h.begin("alice")
	resp, err = h.complete(state, code)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	h.issue(nil)
}

func TestAChangedRoleEndsItsSession(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(h *harness){
		"another user": func(h *harness) {
			h.mustWrite("roles/ci", map[string]any{"username": "admin", "password": h.pm.User("admin").Password})
		},
		"deleted":       func(h *harness) { _, _ = h.do(logical.DeleteOperation, "roles/ci", nil) },
		"another kind":  func(h *harness) { h.mustWrite("roles/ci", map[string]any{"credential_type": "access_token"}) },
		"ended by hand": func(h *harness) { _, _ = h.do(logical.DeleteOperation, "sessions/ci", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			l := h.issue(nil)
			h.clock.Advance(time.Minute)
			h.mustWrite("roles/ci", map[string]any{"ttl": "5m"})
			require.NotNil(t, h.session(), "an unimportant change keeps it")
			change(h)
			require.Nil(t, h.session())
			require.Equal(t, []string{l.data["token_id"].(string)}, h.liveIDs(), "the leased token is its lease's")
			require.NoError(t, l.tryRevoke())
		})
	}
}

func TestASessionThatCannotBeEndedIsPutDownAsDue(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	h.tick()
	h.clock.Advance(time.Minute)
	h.goDown()
	_, err := h.do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	require.NoError(t, h.pm.GoOnline())
	h.clock.Advance(time.Minute)
	h.tick()
	require.Len(t, h.liveIDs(), 1, "the leased token alone")
}

func TestSessionsOfAnotherInstanceAreNotUsed(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	l := h.issue(nil)
	require.NoError(t, l.tryRevoke())
	entry, err := h.storage.Storage.Get(context.Background(), "session/ci")
	require.NoError(t, err)
	elsewhere := newHarness(t)
	_, err = h.do(logical.DeleteOperation, "sessions/ci", nil)
	require.NoError(t, err)
	h.mustWrite("config", map[string]any{"url": elsewhere.pm.URL(), "client_secret": "x"})
	// As if it could not have been ended.
	require.NoError(t, h.storage.Storage.Put(context.Background(), entry))
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "was written for")
	for _, exchange := range elsewhere.pm.Exchanges() {
		require.NotContains(t, exchange.Path, "tokens")
	}
	// Nor when the role, written again for the new instance, starts a session
	// in the old one's place.
	h.mustWrite("config", map[string]any{"client_secret": elsewhere.pm.Client(3).Secret})
	require.NoError(t, h.storage.Storage.Put(context.Background(), entry))
	h.mustWrite("roles/ci", map[string]any{"password": elsewhere.pm.User("alice").Password})
	h.issue(nil)
	require.Zero(t, elsewhere.pm.Count(processmakertest.RefreshGrant), "the old refresh token went nowhere")
	require.False(t, strings.Contains(h.log.String(), elsewhere.pm.URL()+"/oauth"))
}

func TestOldSessionsAreRenewedAheadOfTheirEnd(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	h.tick()
	before := h.session()
	h.clock.Advance(240 * 24 * time.Hour)
	h.tick()
	require.Equal(t, before.TokenID, h.session().TokenID)
	h.clock.Advance(5 * 24 * time.Hour)
	h.tick()
	require.NotEqual(t, before.TokenID, h.session().TokenID)
	require.True(t, h.pm.Accepts(h.session().AccessToken))

	state, _ := newSignInHarness(t, nil).begin("alice")
	require.NotEmpty(t, state)
}

// TestASessionsFailedRefresh is the table of what becomes of a session whose
// access token is dead when its refresh fails.
func TestASessionsFailedRefresh(t *testing.T) {
	t.Parallel()
	const refresh, login, ask = processmakertest.RefreshGrant, processmakertest.PasswordGrant, processmakertest.ShowToken
	for name, test := range map[string]struct {
		arrange func(h *harness)
		status  int
		says    string
		orphans int
	}{
		"answer lost": {inject(refresh, processmakertest.LoseAnswer()), 200, "", 1},
		"half done":   {inject(refresh, processmakertest.HalfRefresh()), 200, "", 0},
		"cut off":     {inject(refresh, processmakertest.Refuse()), 200, "", 0},
		"throttled":   {inject(refresh, processmakertest.Throttled(9)), 200, "", 0},
		"throttled throughout": {func(h *harness) {
			inject(refresh, processmakertest.Throttled(9))(h)
			inject(login, processmakertest.Throttled(9))(h)
		}, 503, "limit of token calls", 0},
		"client secret wrong": {func(h *harness) { h.pm.SetClientSecret(3, "another") }, 400, "auth client", 0},
		"nobody can tell": {func(h *harness) {
			inject(refresh, processmakertest.Refuse())(h)
			inject(ask, processmakertest.ServerError())(h)
		}, 502, "could not be found out", 0},
		"password wrong":  {func(h *harness) { h.pm.RotateAppKey(); h.pm.SetPassword("alice", "another") }, 400, "wrong username or password", 0},
		"login is down":   {func(h *harness) { h.pm.RotateAppKey(); inject(login, processmakertest.HTMLPage(502))(h) }, 502, "HTTP 502", 0},
		"the write fails": {func(h *harness) { h.storage.failPuts(func(key string) bool { return key == "session/ci" }) }, 500, "disk full", 0},
		"the write of a login": {func(h *harness) {
			h.pm.RotateAppKey()
			h.storage.failPuts(func(key string) bool { return key == "session/ci" })
		}, 500, "disk full", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			h.tick()
			kept := h.issue(nil)
			h.clock.Advance(time.Hour)
			h.pm.RevokeTokenByID(h.session().TokenID)
			h.pm.ResetLog()
			test.arrange(h)
			resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
			require.Equal(t, test.status, status(resp, err), message(resp, err))
			require.Contains(t, message(resp, err), test.says)
			require.Zero(t, h.pm.OverlappingRefreshes())

			// The trouble over, the role works, and what lives is known.
			h.storage.failPuts(nil)
			h.pm.SetClientSecret(3, configSecret(h))
			h.pm.SetPassword("alice", rolePassword(h))
			h.clock.Advance(2 * time.Minute)
			l := h.issue(nil)
			h.clock.Advance(time.Minute)
			h.tick()
			require.True(t, h.pm.Accepts(l.token()))
			require.True(t, h.pm.Accepts(kept.token()))
			require.Len(t, h.livePersonal(), len(h.recordIDs()))
			unknown := 0
			for _, token := range h.pm.LiveTokens() {
				if token.Name == "" && token.ID != h.session().TokenID {
					unknown++
				}
			}
			require.Equal(t, test.orphans, unknown)
		})
	}
}

func configSecret(h *harness) string {
	return h.bound("ci").Config.AuthClient.Secret
}

func rolePassword(h *harness) string {
	return h.bound("ci").Password
}

func TestAYoungSessionThatIsRefusedIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.Answer(401, jsonHeader(), `{"error":"Unauthenticated."}`)})
	l := h.issue(nil)
	require.True(t, h.pm.Accepts(l.token()))
	require.Equal(t, 1, h.pm.Count(processmakertest.AnyToken), "the session was not renewed for it")
}
