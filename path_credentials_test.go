package main

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

func TestCredentialsCanBeLookedUpAndEnded(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := newReadyHarness(t, map[string]any{"credential_type": kind, "rotation_period": "1h"})
		l, another := h.Issue(nil), h.Issue(nil)
		got := h.Read("credentials/" + string(l.Id()))
		h.CheckFields(recordAnswerFields(), got)
		require.Equal(t, "entity-1", got["entity_id"])
		require.Equal(t, "token-ci", got["display_name"])
		require.Equal(t, "alice", got["username"])
		require.Equal(t, "live", got["state"])
		require.NotContains(t, got, "access_token")

		h.Clock.Advance(time.Minute)
		resp, err := h.Do(logical.UpdateOperation, "credentials/"+string(l.Id())+"/revoke", nil)
		require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
		require.False(t, h.Pm.Accepts(l.Token()))
		require.True(t, h.Pm.Accepts(another.Token()))
		require.Nil(t, h.Read("credentials/"+string(l.Id())))
		resp, err = h.Do(logical.UpdateOperation, "credentials/"+string(l.Id())+"/revoke", nil)
		require.Equal(t, 404, mounttest.Status(resp, err))
		_, err = l.TryRenew(context.Background())
		require.Error(t, err)
		require.NoError(t, l.TryRevoke())

		// A shared one is not handed out again.
		shared := h.Read("static-creds/ci")
		resp, err = h.Do(logical.UpdateOperation, "credentials/"+shared["credential_id"].(string)+"/revoke", nil)
		require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
		require.NotEqual(t, shared["access_token"], h.Read("static-creds/ci")["access_token"])

		h.GoDown()
		resp, err = h.Do(logical.UpdateOperation, "credentials/"+string(another.Id())+"/revoke", nil)
		require.Equal(t, 502, mounttest.Status(resp, err), mounttest.Message(resp, err))
		require.NotNil(t, h.Record(another.Id()))
		h.RefusedWrite(logical.ReadOperation, "credentials/0123", nil, "22 characters")
	}
}

// A credential that was handed over to the ledger has another id there; who has
// the one that it was handed out with finds and ends it all the same.
func TestAHandedOverCredentialIsFoundByItsID(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.GoDown()
	for range 3 {
		_ = l.TryRevoke()
		h.Clock.Advance(credential.DeferAfter)
	}
	require.NotEqual(t, []ledger.ID{l.Id()}, h.RecordIDs())
	read := h.Read("credentials/" + string(l.Id()))
	require.Equal(t, string(l.Id()), read["credential_id"])
	require.Equal(t, "due", read["state"])
	require.NoError(t, h.Pm.GoOnline())
	h.Clock.Advance(time.Minute)
	h.MustWrite("credentials/"+string(l.Id())+"/revoke", nil)
	require.False(t, h.Pm.Accepts(l.Token()))
	require.Empty(t, h.RecordIDs())
	require.Nil(t, h.Read("credentials/"+string(l.Id())))
}
