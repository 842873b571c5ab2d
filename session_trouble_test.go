package main

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// ProcessMaker refreshes for a deleted user and refuses what it gave.
func TestTheSessionOfADeletedUser(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) *harness{
		"password": func(t *testing.T) *harness { return newPersonalHarness(t, nil) },
		"a person": func(t *testing.T) *harness {
			h := newSignInHarness(t, nil)
			state, code := h.begin("alice")
			resp, err := h.complete(state, code)
			require.Equal(t, 200, status(resp, err), message(resp, err))
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			h.issue(nil)
			h.clock.Advance(time.Hour)
			h.pm.DeleteUser("alice")
			h.pm.ResetLog()
			h.refusedWrite(logical.ReadOperation, "creds/ci", nil, `session of user "alice" and refuses its token all the same: the user is deleted. Restore the user`)
			require.Equal(t, 1, h.pm.Count(processmakertest.AnyToken))
			require.Contains(t, h.read("status/ci")["cure"], "Restore the user in ProcessMaker, or give the role another one")
			records := h.recordIDs()

			h.pm.ResetLog()
			h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "not tried again for 1m0s")
			require.Zero(t, h.pm.Count(), "every read would cost a token call")
			require.Equal(t, records, h.recordIDs(), "nothing was made that would have to be ended")

			h.pm.RestoreUser("alice")
			h.clock.Advance(time.Minute)
			require.True(t, h.pm.Accepts(h.issue(nil).token()), "the role recovers by itself")
		})
	}
}

// A session whose auth client was refused is not lost: its refresh token was not
// used, and nobody has to sign in once the client is put right.
func TestASessionOutlivesARefusedAuthClient(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	state, code := h.begin("alice")
	resp, err := h.complete(state, code)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	h.issue(nil)
	h.clock.Advance(time.Hour)
	secret := h.pm.Client(2).Secret
	h.pm.SetClientSecret(2, "another")
	h.pm.RevokeTokenByID(h.session().TokenID)
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "Correct client_id and client_secret of the role")
	require.Equal(t, "active", h.read("sessions/ci")["state"])

	h.pm.SetClientSecret(2, secret)
	require.True(t, h.pm.Accepts(h.issue(nil).token()))
	require.Len(t, h.pm.LiveTokens(), 3, "two leases and the session")
}

// The app server that takes a renewed token may be behind the one that made it.
func TestARenewedSessionIsGivenTimeToo(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	h.clock.Advance(time.Hour)
	h.pm.RevokeTokenByID(h.session().TokenID)
	h.pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Times: 2, Do: processmakertest.Answer(401, jsonHeader(), `{"error":"Unauthenticated."}`)})
	require.True(t, h.pm.Accepts(h.issue(nil).token()))
}
