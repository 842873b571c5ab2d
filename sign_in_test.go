package main

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

func TestAPersonSignsIn(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "vault write -f <mount>/authorize/ci")
	require.Nil(t, h.read("sessions/ci"))

	state, code := h.begin("alice")
	for _, key := range h.storage.keys {
		require.NotContains(t, key, state, "the state is stored hashed")
	}
	resp, err := h.complete(state, code)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	h.checkFields(sessionAnswerFields(), resp.Data)
	require.Equal(t, "alice", resp.Data["username"])
	require.Equal(t, "active", resp.Data["state"])
	require.Equal(t, resp.Data, h.read("sessions/ci"))
	require.Equal(t, []string{"ci"}, h.list("sessions/"))

	l := h.issue(nil)
	require.Equal(t, "alice", l.data["username"])
	require.Equal(t, "2", l.data["client_id"])
	keys, err := logical.CollectKeysWithPrefix(context.Background(), h.storage.Storage, session.SignInPrefix)
	require.NoError(t, err)
	require.Empty(t, keys)

	// Signing in once more replaces the session.
	state, code = h.begin("alice")
	resp, err = h.complete(state, code)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	require.Len(t, h.pm.LiveTokens(), 2, "the new session and the credential")
}

func TestSignInsCannotBeHijacked(t *testing.T) {
	t.Parallel()
	other := func(change func(*logical.Request)) func(*harness, string, string) (*logical.Response, error) {
		return func(h *harness, state, code string) (*logical.Response, error) {
			req := &logical.Request{
				Operation: logical.UpdateOperation, Path: "sessions/ci", Storage: h.storage, EntityID: "entity-1",
				Data: map[string]any{"state": state, "code": code},
			}
			change(req)
			return h.backend.HandleRequest(context.Background(), req)
		}
	}
	for name, test := range map[string]struct {
		complete func(h *harness, state, code string) (*logical.Response, error)
		says     string
		// stays: the one who began can still complete it.
		stays bool
	}{
		"another entity":     {other(func(r *logical.Request) { r.EntityID = "entity-2" }), "no sign-in of yours", true},
		"a token of its own": {other(func(r *logical.Request) { r.EntityID, r.ClientTokenAccessor = "", "accessor" }), "no sign-in of yours", true},
		"nobody":             {other(func(r *logical.Request) { r.EntityID = "" }), "no sign-in of yours", true},
		"another state":      {func(h *harness, state, code string) (*logical.Response, error) { return h.complete(state+"x", code) }, "no sign-in of yours", true},
		"another role": {func(h *harness, state, code string) (*logical.Response, error) {
			h.mustWrite("roles/other", map[string]any{"grant_type": "authorization_code", "credential_type": "personal_access_token", "redirect_uri": callback, "client_id": "2", "client_secret": h.pm.Client(2).Secret})
			return h.do(logical.UpdateOperation, "sessions/other", map[string]any{"state": state, "code": code})
		}, "no sign-in of yours", true},
		"too late": {func(h *harness, state, code string) (*logical.Response, error) {
			h.clock.Advance(session.SignInTime)
			return h.complete(state, code)
		}, "no sign-in of yours", false},
		"a changed role": {func(h *harness, state, code string) (*logical.Response, error) {
			h.mustWrite("roles/ci", map[string]any{"session_user_id": "1"})
			return h.complete(state, code)
		}, "no sign-in of yours", false},
		"a wrong code": {func(h *harness, state, code string) (*logical.Response, error) { return h.complete(state, "def502") }, "refused the code", false},
		"another's code": {func(h *harness, state, code string) (*logical.Response, error) {
			_, foreign := h.begin("alice")
			return h.complete(state, foreign)
		}, "refused the code", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newSignInHarness(t, nil)
			state, code := h.begin("alice")
			resp, err := test.complete(h, state, code)
			require.Equal(t, 400, status(resp, err), message(resp, err))
			require.Contains(t, message(resp, err), test.says)
			require.NotContains(t, message(resp, err), code)
			require.NotContains(t, message(resp, err), state)
			require.Empty(t, h.liveIDs())
			resp, err = h.complete(state, code)
			require.Equal(t, test.stays, status(resp, err) == 200, message(resp, err))
			if test.stays {
				resp, err = h.complete(state, code)
				require.Equal(t, 400, status(resp, err), "a state works once")
			}
		})
	}
}

func TestOnlyThePinnedUserMaySignIn(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, map[string]any{"session_user_id": "2"})
	state, code := h.begin("admin")
	resp, err := h.complete(state, code)
	require.Equal(t, 400, status(resp, err))
	require.Contains(t, message(resp, err), "user 1 signed in, but this role is user 2's")
	require.Empty(t, h.liveIDs())
	require.Zero(t, h.pm.LiveRefreshTokens()-1, "only the discarded refresh token's row remains")
	require.Nil(t, h.read("sessions/ci"))

	// Without a pin the first who signs in is the one.
	first := newSignInHarness(t, nil)
	state, code = first.begin("alice")
	resp, err = first.complete(state, code)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	state, code = first.begin("admin")
	resp, err = first.complete(state, code)
	require.Equal(t, 400, status(resp, err))
	require.Len(t, first.liveIDs(), 1)

	_, err = first.do(logical.DeleteOperation, "sessions/ci", nil)
	require.NoError(t, err)
	require.Empty(t, first.liveIDs())
	state, code = first.begin("admin")
	resp, err = first.complete(state, code)
	require.Equal(t, 200, status(resp, err), message(resp, err))
}

func TestAnImportedRefreshTokenIsUsedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustWrite("config", h.configData())
	h.mustWrite("roles/password", h.roleData(map[string]any{"credential_type": "personal_access_token"}))
	h.mustWrite("roles/ci", map[string]any{"grant_type": "refresh_token", "credential_type": "personal_access_token"})
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "vault write <mount>/sessions/ci refresh_token=-")
	h.refusedWrite(logical.UpdateOperation, "sessions/ci", map[string]any{"refresh_token": "def50200"}, "refused the refresh token")
	h.refusedWrite(logical.UpdateOperation, "sessions/ci", map[string]any{"code": "x", "state": "y"}, "give refresh_token")
	h.refusedWrite(logical.UpdateOperation, "sessions/password", map[string]any{"refresh_token": "x"}, "starts by itself")
	h.refusedWrite(logical.UpdateOperation, "authorize/ci", nil, "authorize is for")
	h.refusedWrite(logical.UpdateOperation, "sessions/none", map[string]any{"refresh_token": "x"}, "no role")

	brought := h.login("password")
	resp, err := h.do(logical.UpdateOperation, "sessions/ci", map[string]any{"refresh_token": brought.Refresh})
	require.Equal(t, 200, status(resp, err), message(resp, err))
	require.Equal(t, "alice", resp.Data["username"])
	require.False(t, h.pm.Accepts(brought.Access.Value))
	h.issue(nil)
	resp, err = h.do(logical.UpdateOperation, "sessions/ci", map[string]any{"refresh_token": brought.Refresh})
	require.Equal(t, 400, status(resp, err), "nobody else's copy works")
}

func TestForgottenSignInsGo(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	h.begin("alice")
	h.tick()
	keys, err := logical.CollectKeysWithPrefix(context.Background(), h.storage.Storage, session.SignInPrefix)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	h.clock.Advance(2 * time.Hour)
	h.tick()
	keys, err = logical.CollectKeysWithPrefix(context.Background(), h.storage.Storage, session.SignInPrefix)
	require.NoError(t, err)
	require.Empty(t, keys)
}
