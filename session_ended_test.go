package main

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// whileMinting runs do while a read is on its way to ProcessMaker with its
// session's token.
func (h *harness) whileMinting(do func()) {
	var done atomic.Bool
	h.pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Match: func(*http.Request) bool {
		if done.CompareAndSwap(false, true) {
			do()
		}
		return false
	}})
}

func (h *harness) endSession() {
	resp, err := h.do(logical.DeleteOperation, "sessions/ci", nil)
	if err != nil || resp.IsError() {
		h.t.Errorf("the session could not be deleted: %s", message(resp, err))
	}
}

// A session that is deleted while a read uses it stays deleted.
func TestADeletedSessionStaysDeleted(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(h *harness){
		"its tokens are dead": func(*harness) {},
		// The deletion could end the access token alone, and the refresh token
		// would bring the session back.
		"its refresh token lives": func(h *harness) {
			h.pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.HTMLPage(500)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newSignInHarness(t, nil)
			state, code := h.begin("alice")
			resp, err := h.complete(state, code)
			require.Equal(t, 200, status(resp, err), message(resp, err))
			h.clock.Advance(time.Hour)
			trouble(h)
			h.whileMinting(h.endSession)
			h.pm.ResetLog()
			h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "it has no session. Sign in with")
			require.Equal(t, 1, h.pm.Count(processmakertest.RefreshGrant), "the deletion's own")
			require.Nil(t, h.session())
			require.NotContains(t, h.log.String(), "session lost")
			h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "it has no session. Sign in with")

			// Nobody is pinned any more.
			state, code = h.begin("admin")
			resp, err = h.complete(state, code)
			require.Equal(t, 200, status(resp, err), message(resp, err))
		})
	}
}

// That of a password starts by itself when it is needed, with tokens of its own.
func TestADeletedSessionOfAPasswordStartsAnew(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	require.NoError(t, h.issue(nil).tryRevoke())
	h.clock.Advance(time.Hour)
	h.whileMinting(h.endSession)
	h.pm.ResetLog()
	l := h.issue(nil)
	require.Equal(t, 1, h.pm.Count(processmakertest.RefreshGrant), "the deletion's own")
	require.Equal(t, 1, h.pm.Count(processmakertest.PasswordGrant))
	require.Equal(t, noon.Add(time.Hour), h.session().CreatedTime)
	require.ElementsMatch(t, []string{h.session().TokenID, l.data["token_id"].(string)}, h.liveIDs())
}

// Housekeeping, which found an old session, does not begin another.
func TestRenewingADeletedSessionBeginsNone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	seen := h.session()
	h.endSession()
	role, err := h.backend.roles.load(ctx, h.storage, "ci")
	require.NoError(t, err)
	current, err := h.backend.settings.load(ctx, h.storage, h.clock)
	require.NoError(t, err)
	h.pm.ResetLog()
	_, err = h.backend.renewSession(ctx, h.storage, role, current, seen)
	require.ErrorContains(t, err, "ended")
	require.Zero(t, h.pm.Count())
	require.Nil(t, h.session())
}

// A session that another read has found lost is not tried again.
func TestALostSessionIsLostForWhoUsedItToo(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	state, code := h.begin("alice")
	resp, err := h.complete(state, code)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	h.clock.Advance(time.Hour)
	h.whileMinting(func() {
		h.pm.RevokeTokenByID(h.session().TokenID)
		if err := h.backend.putSession(h.storage, "ci", h.session().lost("for a reason")); err != nil {
			h.t.Error(err)
		}
	})
	h.pm.ResetLog()
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "its session is lost (for a reason). Sign in with")
	require.Zero(t, h.pm.Count(processmakertest.RefreshGrant))
	require.Equal(t, "for a reason", h.session().LostBecause)
}
