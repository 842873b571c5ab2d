package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestALostSessionSaysWhatToDo(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	state, code := h.Begin("alice")
	resp, err := h.Complete(state, code)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	h.Clock.Advance(time.Hour)
	h.Pm.RotateAppKey()
	h.Pm.RevokeTokenByID(h.Session().TokenID)
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "its session is lost")
	got := h.Read("sessions/ci")
	require.Equal(t, "needs_sign_in", got["state"])
	require.NotEmpty(t, got["last_error"])
	require.Equal(t, "2", got["user_id"], "who may sign in again is remembered")
	h.Pm.ResetLog()
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "authorize/ci")
	require.Zero(t, h.Pm.Count(), "what is known to fail is not tried")

	state, code = h.Begin("alice")
	resp, err = h.Complete(state, code)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	h.Issue(nil)
}

func TestAChangedRoleEndsItsSession(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(h *mounttest.Mount){
		"another user": func(h *mounttest.Mount) {
			h.MustWrite("roles/ci", map[string]any{"username": "admin", "password": h.Pm.User("admin").Password})
		},
		"deleted":       func(h *mounttest.Mount) { _, _ = h.Do(logical.DeleteOperation, "roles/ci", nil) },
		"another kind":  func(h *mounttest.Mount) { h.MustWrite("roles/ci", map[string]any{"credential_type": "access_token"}) },
		"ended by hand": func(h *mounttest.Mount) { _, _ = h.Do(logical.DeleteOperation, "sessions/ci", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			l := h.Issue(nil)
			h.Clock.Advance(time.Minute)
			h.MustWrite("roles/ci", map[string]any{"ttl": "5m"})
			require.NotNil(t, h.Session(), "an unimportant change keeps it")
			change(h)
			require.Nil(t, h.Session())
			require.Equal(t, []string{l.Data["token_id"].(string)}, h.LiveIDs(), "the leased token is its lease's")
			require.NoError(t, l.TryRevoke())
		})
	}
}

func TestASessionThatCannotBeEndedIsPutDownAsDue(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.Issue(nil)
	h.Tick()
	h.Clock.Advance(time.Minute)
	h.GoDown()
	_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	require.NoError(t, h.Pm.GoOnline())
	h.Clock.Advance(time.Minute)
	h.Tick()
	require.Len(t, h.LiveIDs(), 1, "the leased token alone")
}

func TestSessionsOfAnotherInstanceAreNotUsed(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	l := h.Issue(nil)
	require.NoError(t, l.TryRevoke())
	entry, err := h.Storage.Storage.Get(context.Background(), "session/ci")
	require.NoError(t, err)
	elsewhere := newHarness(t)
	_, err = h.Do(logical.DeleteOperation, "sessions/ci", nil)
	require.NoError(t, err)
	h.MustWrite("config", map[string]any{"url": elsewhere.Pm.URL(), "client_secret": "x"})
	// As if it could not have been ended.
	require.NoError(t, h.Storage.Storage.Put(context.Background(), entry))
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "was written for")
	for _, exchange := range elsewhere.Pm.Exchanges() {
		require.NotContains(t, exchange.Path, "tokens")
	}
	// Nor when the role, written again for the new instance, starts a session
	// in the old one's place.
	h.MustWrite("config", map[string]any{"client_secret": elsewhere.Pm.Client(3).Secret})
	require.NoError(t, h.Storage.Storage.Put(context.Background(), entry))
	h.MustWrite("roles/ci", map[string]any{"password": elsewhere.Pm.User("alice").Password})
	h.Issue(nil)
	require.Zero(t, elsewhere.Pm.Count(processmakertest.RefreshGrant), "the old refresh token went nowhere")
	require.False(t, strings.Contains(h.Log.String(), elsewhere.Pm.URL()+"/oauth"))
}

func TestOldSessionsAreRenewedAheadOfTheirEnd(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.Issue(nil)
	h.Tick()
	before := h.Session()
	h.Clock.Advance(240 * 24 * time.Hour)
	h.Tick()
	require.Equal(t, before.TokenID, h.Session().TokenID)
	h.Clock.Advance(5 * 24 * time.Hour)
	h.Tick()
	require.NotEqual(t, before.TokenID, h.Session().TokenID)
	require.True(t, h.Pm.Accepts(h.Session().AccessToken))

	state, _ := newSignInHarness(t, nil).Begin("alice")
	require.NotEmpty(t, state)
}

// TestASessionsFailedRefresh is the table of what becomes of a session whose
// access token is dead when its refresh fails.
func TestASessionsFailedRefresh(t *testing.T) {
	t.Parallel()
	const refresh, login, ask = processmakertest.RefreshGrant, processmakertest.PasswordGrant, processmakertest.ShowToken
	for name, test := range map[string]struct {
		arrange func(h *mounttest.Mount)
		status  int
		says    string
		orphans int
	}{
		"answer lost": {mounttest.Inject(refresh, processmakertest.LoseAnswer()), 200, "", 1},
		"half done":   {mounttest.Inject(refresh, processmakertest.HalfRefresh()), 200, "", 0},
		"cut off":     {mounttest.Inject(refresh, processmakertest.Refuse()), 200, "", 0},
		"throttled":   {mounttest.Inject(refresh, processmakertest.Throttled(9)), 200, "", 0},
		"throttled throughout": {func(h *mounttest.Mount) {
			mounttest.Inject(refresh, processmakertest.Throttled(9))(h)
			mounttest.Inject(login, processmakertest.Throttled(9))(h)
		}, 503, "limit of token calls", 0},
		"client secret wrong": {func(h *mounttest.Mount) { h.Pm.SetClientSecret(3, "another") }, 400, "auth client", 0},
		"nobody can tell": {func(h *mounttest.Mount) {
			mounttest.Inject(refresh, processmakertest.Refuse())(h)
			mounttest.Inject(ask, processmakertest.ServerError())(h)
		}, 502, "could not be found out", 0},
		"password wrong": {func(h *mounttest.Mount) { h.Pm.RotateAppKey(); h.Pm.SetPassword("alice", "another") }, 400, "wrong username or password", 0},
		"login is down": {func(h *mounttest.Mount) {
			h.Pm.RotateAppKey()
			mounttest.Inject(login, processmakertest.HTMLPage(502))(h)
		}, 502, "HTTP 502", 0},
		"the write fails": {func(h *mounttest.Mount) { h.Storage.FailPuts(func(key string) bool { return key == "session/ci" }) }, 500, "disk full", 0},
		"the write of a login": {func(h *mounttest.Mount) {
			h.Pm.RotateAppKey()
			h.Storage.FailPuts(func(key string) bool { return key == "session/ci" })
		}, 500, "disk full", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			h.Tick()
			kept := h.Issue(nil)
			h.Clock.Advance(time.Hour)
			h.Pm.RevokeTokenByID(h.Session().TokenID)
			h.Pm.ResetLog()
			test.arrange(h)
			resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Equal(t, test.status, mounttest.Status(resp, err), mounttest.Message(resp, err))
			require.Contains(t, mounttest.Message(resp, err), test.says)
			require.Zero(t, h.Pm.OverlappingRefreshes())

			// The trouble over, the role works, and what lives is known.
			h.Storage.FailPuts(nil)
			h.Pm.SetClientSecret(3, configSecret(h))
			h.Pm.SetPassword("alice", rolePassword(h))
			h.Clock.Advance(2 * time.Minute)
			l := h.Issue(nil)
			h.Clock.Advance(time.Minute)
			h.Tick()
			require.True(t, h.Pm.Accepts(l.Token()))
			require.True(t, h.Pm.Accepts(kept.Token()))
			require.Len(t, h.LivePersonal(), len(h.RecordIDs()))
			unknown := 0
			for _, token := range h.Pm.LiveTokens() {
				if token.Name == "" && token.ID != h.Session().TokenID {
					unknown++
				}
			}
			require.Equal(t, test.orphans, unknown)
		})
	}
}

func configSecret(h *mounttest.Mount) string {
	return h.Bound("ci").Config.AuthClient.Secret
}

func rolePassword(h *mounttest.Mount) string {
	return h.Bound("ci").Password
}

func TestAYoungSessionThatIsRefusedIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"Unauthenticated."}`)})
	l := h.Issue(nil)
	require.True(t, h.Pm.Accepts(l.Token()))
	require.Equal(t, 1, h.Pm.Count(processmakertest.AnyToken), "the session was not renewed for it")
}
