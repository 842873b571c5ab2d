package main

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// newUser is who lateReader gives the role to.
const newUser = "robert"

// lateReader gives the role to another user. It returns what a reader knows that
// has loaded the role before.
func (h *harness) lateReader() (former *loadedRole, current *settings) {
	h.t.Helper()
	ctx := context.Background()
	former, err := h.backend.roles.load(ctx, h.storage, "ci")
	require.NoError(h.t, err)
	current, err = h.backend.settings.load(ctx, h.storage, h.clock)
	require.NoError(h.t, err)
	h.pm.AddUser(processmakertest.User{Username: newUser, Password: "robert's"})
	h.mustWrite("roles/ci", map[string]any{"username": newUser, "password": "robert's"})
	return former, current
}

// A reader that loaded the role before its user was changed, and comes to begin
// a session after the new user's has begun.
func TestALateReaderDoesNotReplaceANewUsersSession(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	ctx := context.Background()
	former, current := h.lateReader()
	h.issue(nil)
	session := h.session()

	_, err := h.backend.useSession(ctx, h.storage, former, current)
	require.ErrorIs(t, err, errRoleOvertaken)
	require.Equal(t, session, h.session())
	require.Len(t, h.pm.LiveTokens(), 2, "the session and the lease")

	h.clock.Advance(time.Hour)
	h.pm.RevokeTokenByID(session.TokenID)
	require.Equal(t, newUser, h.issue(nil).data["username"])

	resp, err := h.do(logical.DeleteOperation, "roles/ci", nil)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	_, err = h.backend.useSession(ctx, h.storage, former, current)
	require.ErrorIs(t, err, errRoleOvertaken)
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
	former, current := h.lateReader()
	h.issue(nil)
	session := h.session()

	_, err := h.backend.renewSession(ctx, h.storage, former, current, seen)
	require.ErrorIs(t, err, errSessionOver)
	require.Equal(t, session, h.session())
}
