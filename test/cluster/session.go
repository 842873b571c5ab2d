package cluster

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/problem"
)

// A reader that loaded the role before its user was changed, and comes to begin
// a session after the new user's has begun.
func ALateReaderDoesNotReplaceANewUsersSession(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	ctx := context.Background()
	former := h.LateReader()
	h.Issue(nil)
	begun := h.Session()

	_, err := h.Backend.Engine().Sessions.Usable(ctx, former)
	require.True(t, problem.IsConflict(err), err)
	require.Equal(t, begun, h.Session())
	require.Len(t, h.Pm.LiveTokens(), 2, "the session and the lease")

	h.Clock.Advance(time.Hour)
	h.Pm.RevokeTokenByID(begun.TokenID)
	require.Equal(t, mounttest.NewUser, h.Issue(nil).Data["username"])

	resp, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	_, err = h.Backend.Engine().Sessions.Usable(ctx, former)
	require.True(t, problem.IsConflict(err), err)
	require.NotContains(t, h.Snapshot(), "session/ci")
}

// A reader whose session was refused, and who comes to renew it after the role's
// new user has begun another.
func ALateReaderDoesNotUseANewUsersSession(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	ctx := context.Background()
	h.Issue(nil)
	seen := h.Session()
	former := h.LateReader()
	h.Issue(nil)
	begun := h.Session()

	_, err := h.Backend.Engine().Sessions.Renew(ctx, former, seen)
	require.ErrorIs(t, err, session.ErrOver)
	require.Equal(t, begun, h.Session())
}
