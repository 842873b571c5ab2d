package main

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/problem"
)

// A reader that loaded the role before its user was changed, and comes to begin
// a session after the new user's has begun.
func TestALateReaderDoesNotReplaceANewUsersSession(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	ctx := context.Background()
	former := h.lateReader()
	h.issue(nil)
	begun := h.session()

	_, err := h.backend.Engine().Sessions.Usable(ctx, former)
	require.True(t, problem.IsConflict(err), err)
	require.Equal(t, begun, h.session())
	require.Len(t, h.pm.LiveTokens(), 2, "the session and the lease")

	h.clock.Advance(time.Hour)
	h.pm.RevokeTokenByID(begun.TokenID)
	require.Equal(t, newUser, h.issue(nil).data["username"])

	resp, err := h.do(logical.DeleteOperation, "roles/ci", nil)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	_, err = h.backend.Engine().Sessions.Usable(ctx, former)
	require.True(t, problem.IsConflict(err), err)
	require.NotContains(t, h.snapshot(), "session/ci")
}

// A reader whose session was refused, and who comes to renew it after the role's
// new user has begun another.
func TestALateReaderDoesNotUseANewUsersSession(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	ctx := context.Background()
	h.issue(nil)
	seen := h.session()
	former := h.lateReader()
	h.issue(nil)
	begun := h.session()

	_, err := h.backend.Engine().Sessions.Renew(ctx, former, seen)
	require.ErrorIs(t, err, session.ErrOver)
	require.Equal(t, begun, h.session())
}
