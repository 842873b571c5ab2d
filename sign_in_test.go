package main

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

func TestAPersonSignsIn(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "vault write -f <mount>/authorize/ci")
	require.Nil(t, h.Read("sessions/ci"))

	state, code := h.Begin("alice")
	for _, key := range h.Storage.Keys {
		require.NotContains(t, key, state, "the state is stored hashed")
	}
	resp, err := h.Complete(state, code)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	h.CheckFields(sessionAnswerFields(), resp.Data)
	require.Equal(t, "alice", resp.Data["username"])
	require.Equal(t, "active", resp.Data["state"])
	require.Equal(t, resp.Data, h.Read("sessions/ci"))
	require.Equal(t, []string{"ci"}, h.List("sessions/"))

	l := h.Issue(nil)
	require.Equal(t, "alice", l.Data["username"])
	require.Equal(t, "2", l.Data["client_id"])
	keys, err := logical.CollectKeysWithPrefix(context.Background(), h.Storage.Storage, session.SignInPrefix)
	require.NoError(t, err)
	require.Empty(t, keys)

	// Signing in once more replaces the session.
	state, code = h.Begin("alice")
	resp, err = h.Complete(state, code)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	require.Len(t, h.Pm.LiveTokens(), 2, "the new session and the credential")
}

func TestSignInsCannotBeHijacked(t *testing.T) {
	t.Parallel()
	other := func(change func(*logical.Request)) func(*mounttest.Mount, string, string) (*logical.Response, error) {
		return func(h *mounttest.Mount, state, code string) (*logical.Response, error) {
			req := &logical.Request{
				Operation: logical.UpdateOperation, Path: "sessions/ci", Storage: h.Storage, EntityID: "entity-1",
				Data: map[string]any{"state": state, "code": code},
			}
			change(req)
			return h.Backend.HandleRequest(context.Background(), req)
		}
	}
	for name, test := range map[string]struct {
		complete func(h *mounttest.Mount, state, code string) (*logical.Response, error)
		says     string
		// stays: the one who began can still complete it.
		stays bool
	}{
		"another entity":     {other(func(r *logical.Request) { r.EntityID = "entity-2" }), "no sign-in of yours", true},
		"a token of its own": {other(func(r *logical.Request) { r.EntityID, r.ClientTokenAccessor = "", "accessor" }), "no sign-in of yours", true},
		"nobody":             {other(func(r *logical.Request) { r.EntityID = "" }), "no sign-in of yours", true},
		"another state": {func(h *mounttest.Mount, state, code string) (*logical.Response, error) {
			return h.Complete(state+"x", code)
		}, "no sign-in of yours", true},
		"another role": {func(h *mounttest.Mount, state, code string) (*logical.Response, error) {
			h.MustWrite("roles/other", map[string]any{"grant_type": "authorization_code", "credential_type": "personal_access_token", "redirect_uri": mounttest.Callback, "client_id": "2", "client_secret": h.Pm.Client(2).Secret})
			return h.Do(logical.UpdateOperation, "sessions/other", map[string]any{"state": state, "code": code})
		}, "no sign-in of yours", true},
		"too late": {func(h *mounttest.Mount, state, code string) (*logical.Response, error) {
			h.Clock.Advance(session.SignInTime)
			return h.Complete(state, code)
		}, "no sign-in of yours", false},
		"a changed role": {func(h *mounttest.Mount, state, code string) (*logical.Response, error) {
			h.MustWrite("roles/ci", map[string]any{"session_user_id": "1"})
			return h.Complete(state, code)
		}, "no sign-in of yours", false},
		"a wrong code": {func(h *mounttest.Mount, state, code string) (*logical.Response, error) {
			return h.Complete(state, "def502")
		}, "refused the code", false},
		"another's code": {func(h *mounttest.Mount, state, code string) (*logical.Response, error) {
			_, foreign := h.Begin("alice")
			return h.Complete(state, foreign)
		}, "refused the code", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newSignInHarness(t, nil)
			state, code := h.Begin("alice")
			resp, err := test.complete(h, state, code)
			require.Equal(t, 400, mounttest.Status(resp, err), mounttest.Message(resp, err))
			require.Contains(t, mounttest.Message(resp, err), test.says)
			require.NotContains(t, mounttest.Message(resp, err), code)
			require.NotContains(t, mounttest.Message(resp, err), state)
			require.Empty(t, h.LiveIDs())
			resp, err = h.Complete(state, code)
			require.Equal(t, test.stays, mounttest.Status(resp, err) == 200, mounttest.Message(resp, err))
			if test.stays {
				resp, err = h.Complete(state, code)
				require.Equal(t, 400, mounttest.Status(resp, err), "a state works once")
			}
		})
	}
}

func TestOnlyThePinnedUserMaySignIn(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, map[string]any{"session_user_id": "2"})
	state, code := h.Begin("admin")
	resp, err := h.Complete(state, code)
	require.Equal(t, 400, mounttest.Status(resp, err))
	require.Contains(t, mounttest.Message(resp, err), "user 1 signed in, but this role is user 2's")
	require.Empty(t, h.LiveIDs())
	require.Zero(t, h.Pm.LiveRefreshTokens()-1, "only the discarded refresh token's row remains")
	require.Nil(t, h.Read("sessions/ci"))

	// Without a pin the first who signs in is the one.
	first := newSignInHarness(t, nil)
	state, code = first.Begin("alice")
	resp, err = first.Complete(state, code)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	state, code = first.Begin("admin")
	resp, err = first.Complete(state, code)
	require.Equal(t, 400, mounttest.Status(resp, err))
	require.Len(t, first.LiveIDs(), 1)

	_, err = first.Do(logical.DeleteOperation, "sessions/ci", nil)
	require.NoError(t, err)
	require.Empty(t, first.LiveIDs())
	state, code = first.Begin("admin")
	resp, err = first.Complete(state, code)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
}

func TestAnImportedRefreshTokenIsUsedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.MustWrite("config", h.ConfigData())
	h.MustWrite("roles/password", h.RoleData(map[string]any{"credential_type": "personal_access_token"}))
	h.MustWrite("roles/ci", map[string]any{"grant_type": "refresh_token", "credential_type": "personal_access_token"})
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "vault write <mount>/sessions/ci refresh_token=-")
	h.RefusedWrite(logical.UpdateOperation, "sessions/ci", map[string]any{"refresh_token": "def50200"}, "refused the refresh token")
	h.RefusedWrite(logical.UpdateOperation, "sessions/ci", map[string]any{"code": "x", "state": "y"}, "give refresh_token")
	h.RefusedWrite(logical.UpdateOperation, "sessions/password", map[string]any{"refresh_token": "x"}, "starts by itself")
	h.RefusedWrite(logical.UpdateOperation, "authorize/ci", nil, "authorize is for")
	h.RefusedWrite(logical.UpdateOperation, "sessions/none", map[string]any{"refresh_token": "x"}, "no role")

	brought := h.Login("password")
	resp, err := h.Do(logical.UpdateOperation, "sessions/ci", map[string]any{"refresh_token": brought.Refresh})
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	require.Equal(t, "alice", resp.Data["username"])
	require.False(t, h.Pm.Accepts(brought.Access.Value))
	h.Issue(nil)
	resp, err = h.Do(logical.UpdateOperation, "sessions/ci", map[string]any{"refresh_token": brought.Refresh})
	require.Equal(t, 400, mounttest.Status(resp, err), "nobody else's copy works")
}

func TestForgottenSignInsGo(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	h.Begin("alice")
	h.Tick()
	keys, err := logical.CollectKeysWithPrefix(context.Background(), h.Storage.Storage, session.SignInPrefix)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	h.Clock.Advance(2 * time.Hour)
	h.Tick()
	keys, err = logical.CollectKeysWithPrefix(context.Background(), h.Storage.Storage, session.SignInPrefix)
	require.NoError(t, err)
	require.Empty(t, keys)
}
