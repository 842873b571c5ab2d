package cluster

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/store"
)

// A session that is deleted while a read uses it stays deleted.
func ADeletedSessionStaysDeleted(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, trouble := range map[string]func(h *mounttest.Mount){
		"its tokens are dead": func(*mounttest.Mount) {},
		// The deletion could end the access token alone, and the refresh token
		// would bring the session back.
		"its refresh token lives": func(h *mounttest.Mount) {
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.HTMLPage(500)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewSignIn(t, mount, nil)
			state, code := h.Begin("alice")
			resp, err := h.Complete(state, code)
			require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
			h.Clock.Advance(time.Hour)
			trouble(h)
			h.WhileMinting(h.EndSession)
			h.Pm.ResetLog()
			h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "it has no session. Sign in with")
			require.Equal(t, 1, h.Pm.Count(processmakertest.RefreshGrant), "the deletion's own")
			require.Nil(t, h.Session())
			require.NotContains(t, h.Log.String(), "session lost")
			h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "it has no session. Sign in with")

			// Nobody is pinned any more.
			state, code = h.Begin("admin")
			resp, err = h.Complete(state, code)
			require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
		})
	}
}

// That of a password starts by itself when it is needed, with tokens of its own.
func ADeletedSessionOfAPasswordStartsAnew(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	require.NoError(t, h.Issue(nil).TryRevoke())
	h.Clock.Advance(time.Hour)
	h.WhileMinting(h.EndSession)
	h.Pm.ResetLog()
	l := h.Issue(nil)
	require.Equal(t, 1, h.Pm.Count(processmakertest.RefreshGrant), "the deletion's own")
	require.Equal(t, 1, h.Pm.Count(processmakertest.PasswordGrant))
	require.Equal(t, mounttest.Noon.Add(time.Hour), h.Session().CreatedTime)
	require.ElementsMatch(t, []string{h.Session().TokenID, l.Data["token_id"].(string)}, h.LiveIDs())
}

// Housekeeping, which found an old session, does not begin another.
func RenewingADeletedSessionBeginsNone(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	ctx := context.Background()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	seen := h.Session()
	h.EndSession()
	h.Pm.ResetLog()
	_, err := h.Backend.Engine().Sessions.Renew(ctx, h.Bound("ci"), seen)
	require.ErrorContains(t, err, "deleted or replaced")
	require.Zero(t, h.Pm.Count())
	require.Nil(t, h.Session())
}

// A session that another read has found lost is not tried again.
func ALostSessionIsLostForWhoUsedItToo(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewSignIn(t, mount, nil)
	state, code := h.Begin("alice")
	resp, err := h.Complete(state, code)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	h.Clock.Advance(time.Hour)
	h.WhileMinting(func() {
		h.Pm.RevokeTokenByID(h.Session().TokenID)
		lost := h.Session()
		lost.AccessToken, lost.RefreshToken, lost.LostBecause = "", "", "for a reason"
		if err := store.Put(context.Background(), h.Storage.Storage, session.Prefix+"ci", lost); err != nil {
			h.T.Error(err)
		}
	})
	h.Pm.ResetLog()
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "its session is lost (for a reason). Sign in with")
	require.Zero(t, h.Pm.Count(processmakertest.RefreshGrant))
	require.Equal(t, "for a reason", h.Session().LostBecause)
}
