package main

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

func TestSharedCredentialsRotateOnRead(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := newStaticHarness(t, map[string]any{"credential_type": kind})
		first := h.Read("static-creds/ci")
		h.CheckFields(staticAnswerFields(), first)
		require.Equal(t, int64(3600), first["ttl"])
		require.Equal(t, int64(3600), first["rotation_period"])
		require.Equal(t, mounttest.Noon.Format(time.RFC3339Nano), first["last_vault_rotation"])
		require.True(t, h.Pm.Accepts(first["access_token"].(string)))

		h.Clock.Advance(time.Hour - time.Millisecond)
		second := h.Read("static-creds/ci")
		require.Equal(t, first["access_token"], second["access_token"])
		require.Equal(t, int64(1), second["ttl"], "never 0")

		h.Clock.Advance(time.Millisecond)
		third := h.Read("static-creds/ci")
		require.NotEqual(t, first["access_token"], third["access_token"])
		require.True(t, h.Pm.Accepts(first["access_token"].(string)), "the one before lives on for the overlap")

		h.Clock.Advance(10*time.Minute - time.Second)
		h.Tick()
		require.True(t, h.Pm.Accepts(first["access_token"].(string)))
		h.Clock.Advance(time.Second)
		h.Tick()
		require.False(t, h.Pm.Accepts(first["access_token"].(string)))
		require.True(t, h.Pm.Accepts(third["access_token"].(string)))

		// One that nobody reads any more dies too.
		h.Clock.Advance(2 * time.Hour)
		h.Tick()
		require.False(t, h.Pm.Accepts(third["access_token"].(string)))
		require.Empty(t, h.RecordIDs())
	}
}

func TestAReaderWhoObeysTTLNeverHoldsADeadOne(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, map[string]any{"rotation_period": "60s", "rotation_overlap": "5s"})
	for range 20 {
		held := h.Read("static-creds/ci")
		for range held["ttl"].(int64) {
			h.Clock.Advance(time.Second)
			h.Tick()
			require.True(t, h.Pm.Accepts(held["access_token"].(string)))
		}
	}
}

func TestSharedCredentialsCostNothingToRead(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	h.Read("static-creds/ci")
	h.Storage.Reset()
	h.Pm.ResetLog()
	h.Read("static-creds/ci")
	require.Equal(t, [4]int64{}, h.Storage.Counts())
	require.Zero(t, h.Pm.Count())

	// A plugin that starts anew takes over what is there.
	h.ForgetAll()
	h.Read("static-creds/ci")
	require.Zero(t, h.Pm.Count())
}

func TestManyReadersRotateOnce(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	h.Read("static-creds/ci")
	h.Clock.Advance(time.Hour)
	h.Pm.ResetLog()
	h.ReadAtOnce("static-creds/ci", 200)
	require.Equal(t, 1, h.Pm.Count())
}

func TestTheOldOneIsServedWhileNoOtherCanBeHad(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	first := h.Read("static-creds/ci")
	h.Clock.Advance(time.Hour)
	h.GoDown()
	resp, err := h.Do(logical.ReadOperation, "static-creds/ci", nil)
	require.NoError(t, err)
	require.Equal(t, first["access_token"], resp.Data["access_token"])
	require.Equal(t, int64(5), resp.Data["ttl"])
	require.Contains(t, resp.Warnings[0], "cannot be reached")

	h.Clock.Advance(10 * time.Minute)
	resp, err = h.Do(logical.ReadOperation, "static-creds/ci", nil)
	require.Equal(t, 502, mounttest.Status(resp, err), "past its own end it is not served")
	require.NoError(t, h.Pm.GoOnline())
	h.Clock.Advance(time.Minute)
	h.Read("static-creds/ci")
}

func TestAFailedStaticWriteEndsTheNewOne(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	first := h.Read("static-creds/ci")
	h.Clock.Advance(time.Hour)
	h.Storage.FailPuts(func(key string) bool { return key == "static/ci" })
	resp, err := h.Do(logical.ReadOperation, "static-creds/ci", nil)
	require.NoError(t, err)
	require.Equal(t, first["access_token"], resp.Data["access_token"])
	require.Len(t, h.LiveIDs(), 1)
	require.Equal(t, h.RecordedIDs(), h.LiveIDs())
}

func TestAChangedRoleEndsItsSharedCredential(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	first := h.Read("static-creds/ci")
	h.Clock.Advance(time.Minute)
	h.MustWrite("roles/ci", map[string]any{"rotation_overlap": "5m"})
	require.Equal(t, first["access_token"], h.Read("static-creds/ci")["access_token"])
	h.MustWrite("roles/ci", map[string]any{"username": "admin", "password": h.Pm.User("admin").Password})
	require.Empty(t, h.LiveIDs())
	second := h.Read("static-creds/ci")
	require.Equal(t, "admin", second["username"])
	h.Clock.Advance(time.Minute)
	_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	require.Empty(t, h.LiveIDs())
	require.Empty(t, h.RecordIDs())
}

func TestStaticRefusals(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.RefusedWrite(logical.ReadOperation, "static-creds/ci", nil, "set its rotation_period")
	h.RefusedWrite(logical.ReadOperation, "static-creds/none", nil, "no role")
	h.RefusedWrite(logical.ReadOperation, "static-creds/ci", map[string]any{"ttl": 1}, "unknown field")
	h.RefusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"rotation_period": "9s", "rotation_overlap": "1s"}, "at least 10s")
	h.RefusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"rotation_period": "10m"}, "above rotation_overlap")
	h.RefusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{
		"rotation_period": "1h", "credential_type": "personal_access_token", "user_id": "{{identity.entity.metadata.u}}",
	}, "identity template")
	resp := h.MustWrite("roles/ci", map[string]any{"rotation_period": "1h", "rotation_overlap": "29s"})
	require.Contains(t, resp.Warnings[0], "rotation_overlap")

	h.Pm.SetPassword("alice", "another")
	resp, err := h.Do(logical.ReadOperation, "static-creds/ci", nil)
	require.Equal(t, 400, mounttest.Status(resp, err))
	require.Equal(t, 1, h.Pm.Count(processmakertest.PasswordGrant))
}

func TestASharedCredentialThatWasEndedIsNotSharedAnyMore(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := newStaticHarness(t, map[string]any{"credential_type": kind})
		first := h.Read("static-creds/ci")
		h.Clock.Advance(time.Minute)
		resp, err := h.Do(logical.UpdateOperation, "credentials/revoke", map[string]any{"role": "ci"})
		require.NoError(t, err)
		require.Equal(t, 1, resp.Data["ended"])
		require.False(t, h.Pm.Accepts(first["access_token"].(string)))
		require.True(t, h.Pm.Accepts(h.Read("static-creds/ci")["access_token"].(string)))
	}
}

func TestSharedPersonalTokensEndWithoutAListing(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, map[string]any{"credential_type": "personal_access_token"})
	h.Read("static-creds/ci")
	h.Clock.Advance(2 * time.Hour)
	h.Pm.ResetLog()
	h.Tick()
	require.Empty(t, h.LivePersonal())
	require.Zero(t, h.Pm.Count(processmakertest.ListTokens))
}

func TestAChangedPeriodNeverSharesADeadToken(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	first := h.Read("static-creds/ci")
	h.MustWrite("roles/ci", map[string]any{"rotation_period": "10h"})
	require.Equal(t, int64(3600), h.Read("static-creds/ci")["ttl"], "its deadline is fixed")
	h.Clock.Advance(time.Hour)
	second := h.Read("static-creds/ci")
	require.NotEqual(t, first["access_token"], second["access_token"])
	require.Equal(t, int64(36000), second["ttl"])

	h.MustWrite("roles/ci", map[string]any{"rotation_period": "30m"})
	require.Equal(t, int64(1800), h.Read("static-creds/ci")["ttl"])
}
