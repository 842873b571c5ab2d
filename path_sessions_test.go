package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/session"
	"vault-plugin-secrets-processmaker/test/mounttest"
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

func TestAPersonSignsIn(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "vault write -f processmaker/authorize/ci")
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

// Whoever may begin sign-ins could else fill Vault's storage with them.
func TestOpenSignInsAreFew(t *testing.T) {
	t.Parallel()
	const ofCaller, ofRole = 20, 200
	h := newSignInHarness(t, nil)
	begin := func(entity string) {
		resp, err := h.Backend.HandleRequest(context.Background(), &logical.Request{Operation: logical.UpdateOperation, Path: "authorize/ci", Storage: h.Storage, EntityID: entity})
		require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	}
	open := func() int {
		keys, err := logical.CollectKeysWithPrefix(context.Background(), h.Storage.Storage, session.SignInPrefix)
		require.NoError(t, err)
		return len(keys)
	}
	tooOld := func(state, code string) {
		resp, err := h.Complete(state, code)
		require.Equal(t, 400, mounttest.Status(resp, err))
		require.Contains(t, mounttest.Message(resp, err), "too many were begun after it")
	}
	begin("another") // older, and nobody else's business
	oldest, oldestCode := h.Begin("alice")
	h.Clock.Advance(time.Second)
	second, secondCode := h.Begin("alice")
	for range ofCaller - 1 {
		begin("entity-1")
	}
	require.Equal(t, 1+ofCaller, open())
	tooOld(oldest, oldestCode)
	resp, err := h.Complete(second, secondCode)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	require.Equal(t, ofCaller, open())
	begin("entity-1") // in the place of the completed one
	h.Cost("one too many", [4]int64{0, 1, 1, 0}, 0, func() { begin("entity-1") })

	h.Restart()
	h.Clock.Advance(time.Second)
	for range 5 {
		begin("entity-1")
	}
	h.Tick()
	require.Equal(t, 1+ofCaller, open(), "those from before the restart count")

	h.Clock.Advance(time.Second)
	state, code := h.Begin("alice")
	for i := range ofRole + 50 {
		h.Clock.Advance(time.Millisecond)
		begin(fmt.Sprint("entity ", i))
	}
	require.Equal(t, ofRole, open())
	tooOld(state, code)
	h.Clock.Advance(engine.UpkeepInterval)
	h.Tick()
	require.Zero(t, open())
	begin("entity-1")
	require.Equal(t, 1, open())
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
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "vault write processmaker/sessions/ci refresh_token=-")
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

// Two who complete a sign-in at once must not both find it open.
func TestTwoAtOnceCompleteASignInOnce(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	state, code := h.Begin("alice")
	var looked atomic.Int32
	h.Hook(mounttest.HookedStorage{AfterGet: func(key string) {
		if strings.HasPrefix(key, session.SignInPrefix) {
			looked.Add(1)
			mounttest.Until(func() bool { return looked.Load() == 2 || h.Backend.Engine().Sessions.LocksInUse() > 0 })
		}
	}})
	h.Pm.ResetLog()
	answers := make(chan int, 2)
	for range 2 {
		go func() { answers <- mounttest.Status(h.Complete(state, code)) }()
	}
	require.ElementsMatch(t, []int{200, 400}, []int{<-answers, <-answers})
	require.Equal(t, 1, h.Pm.Count(processmakertest.AuthorizationCodeGrant))
}

// A refresh token is good once, also one that two bring along at once.
func TestTwoAtOnceImportARefreshTokenOnce(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	roles := []string{"first", "second"}
	for _, role := range roles {
		h.MustWrite("roles/"+role, map[string]any{"grant_type": "refresh_token", "credential_type": "personal_access_token"})
	}
	brought := h.Login("ci")
	// Both meet, unless the one waits for the other.
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.MeetRefresh(2), Match: func(*http.Request) bool {
		return h.Backend.Engine().Sessions.LocksInUse() == 0
	}})
	answers := make(chan int, 2)
	for _, role := range roles {
		go func() {
			answers <- mounttest.Status(h.Do(logical.UpdateOperation, "sessions/"+role, map[string]any{"refresh_token": brought.Refresh}))
		}()
	}
	require.ElementsMatch(t, []int{200, 400}, []int{<-answers, <-answers})
	require.Zero(t, h.Pm.OverlappingRefreshes())
}
