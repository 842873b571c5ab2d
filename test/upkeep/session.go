package upkeep

import (
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// ProcessMaker refreshes for a deleted user and refuses what it gave.
func TheSessionOfADeletedUser(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) *mounttest.Mount{
		"password": func(t *testing.T) *mounttest.Mount { return mounttest.NewPersonal(t, mount, nil) },
		"a person": func(t *testing.T) *mounttest.Mount {
			h := mounttest.NewSignIn(t, mount, nil)
			state, code := h.Begin("alice")
			resp, err := h.Complete(state, code)
			require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			h.Issue(nil)
			h.Clock.Advance(time.Hour)
			h.Pm.DeleteUser("alice")
			h.Pm.ResetLog()
			h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, `session of user "alice" and refuses its token all the same: the user is deleted`)
			require.Equal(t, 1, h.Pm.Count(processmakertest.AnyToken))
			require.Contains(t, h.Read("status/ci")["cure"], "Restore the user in ProcessMaker, or give the role another one")
			records := h.RecordIDs()

			h.Pm.ResetLog()
			h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "not tried again for 1m0s")
			require.Zero(t, h.Pm.Count(), "every read would cost a token call")
			require.Equal(t, records, h.RecordIDs(), "nothing was made that would have to be ended")

			h.Pm.RestoreUser("alice")
			h.Clock.Advance(time.Minute)
			require.True(t, h.Pm.Accepts(h.Issue(nil).Token()), "the role recovers by itself")
		})
	}
}

// A session whose auth client was refused is not lost: its refresh token was not
// used, and nobody has to sign in once the client is put right.
func ASessionOutlivesARefusedAuthClient(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewSignIn(t, mount, nil)
	state, code := h.Begin("alice")
	resp, err := h.Complete(state, code)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	h.Issue(nil)
	h.Clock.Advance(time.Hour)
	secret := h.Pm.Client(2).Secret
	h.Pm.SetClientSecret(2, "another")
	h.Pm.RevokeTokenByID(h.Session().TokenID)
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "Correct client_id and client_secret of the role")
	require.Equal(t, "active", h.Read("sessions/ci")["state"])

	h.Pm.SetClientSecret(2, secret)
	require.True(t, h.Pm.Accepts(h.Issue(nil).Token()))
	require.Len(t, h.Pm.LiveTokens(), 3, "two leases and the session")
}

// The app server that takes a renewed token may be behind the one that made it.
func ARenewedSessionIsGivenTimeToo(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	h.Clock.Advance(time.Hour)
	h.Pm.RevokeTokenByID(h.Session().TokenID)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Times: 2, Do: processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"Unauthenticated."}`)})
	require.True(t, h.Pm.Accepts(h.Issue(nil).Token()))
}
