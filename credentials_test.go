package main

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/credential"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

func TestCredentialsCanBeLookedUpAndEnded(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := newReadyHarness(t, map[string]any{"credential_type": kind, "rotation_period": "1h"})
		l, another := h.issue(nil), h.issue(nil)
		got := h.read("credentials/" + string(l.id()))
		h.checkFields(recordAnswerFields(), got)
		require.Equal(t, "entity-1", got["entity_id"])
		require.Equal(t, "token-ci", got["display_name"])
		require.Equal(t, "alice", got["username"])
		require.Equal(t, "live", got["state"])
		require.NotContains(t, got, "access_token")

		h.clock.Advance(time.Minute)
		resp, err := h.do(logical.UpdateOperation, "credentials/"+string(l.id())+"/revoke", nil)
		require.Equal(t, 200, status(resp, err), message(resp, err))
		require.False(t, h.pm.Accepts(l.token()))
		require.True(t, h.pm.Accepts(another.token()))
		require.Nil(t, h.read("credentials/"+string(l.id())))
		resp, err = h.do(logical.UpdateOperation, "credentials/"+string(l.id())+"/revoke", nil)
		require.Equal(t, 404, status(resp, err))
		_, err = l.tryRenew(context.Background())
		require.Error(t, err)
		require.NoError(t, l.tryRevoke())

		// A shared one is not handed out again.
		shared := h.read("static-creds/ci")
		resp, err = h.do(logical.UpdateOperation, "credentials/"+shared["credential_id"].(string)+"/revoke", nil)
		require.Equal(t, 200, status(resp, err), message(resp, err))
		require.NotEqual(t, shared["access_token"], h.read("static-creds/ci")["access_token"])

		h.goDown()
		resp, err = h.do(logical.UpdateOperation, "credentials/"+string(another.id())+"/revoke", nil)
		require.Equal(t, 502, status(resp, err), message(resp, err))
		require.NotNil(t, h.record(another.id()))
		h.refusedWrite(logical.ReadOperation, "credentials/0123", nil, "22 characters")
	}
}

// A credential that was handed over to the ledger has another id there; who has
// the one that it was handed out with finds and ends it all the same.
func TestAHandedOverCredentialIsFoundByItsID(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.goDown()
	for range 3 {
		_ = l.tryRevoke()
		h.clock.Advance(credential.DeferAfter)
	}
	require.NotEqual(t, []ledger.ID{l.id()}, h.recordIDs())
	read := h.read("credentials/" + string(l.id()))
	require.Equal(t, string(l.id()), read["credential_id"])
	require.Equal(t, "due", read["state"])
	require.NoError(t, h.pm.GoOnline())
	h.clock.Advance(time.Minute)
	h.mustWrite("credentials/"+string(l.id())+"/revoke", nil)
	require.False(t, h.pm.Accepts(l.token()))
	require.Empty(t, h.recordIDs())
	require.Nil(t, h.read("credentials/"+string(l.id())))
}
