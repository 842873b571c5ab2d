package main

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestSharedCredentialsRotateOnRead(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := newStaticHarness(t, map[string]any{"credential_type": kind})
		first := h.read("static-creds/ci")
		h.checkFields(staticAnswerFields(), first)
		require.Equal(t, int64(3600), first["ttl"])
		require.Equal(t, int64(3600), first["rotation_period"])
		require.Equal(t, noon.Format(time.RFC3339Nano), first["last_vault_rotation"])
		require.True(t, h.pm.Accepts(first["access_token"].(string)))

		h.clock.Advance(time.Hour - time.Millisecond)
		second := h.read("static-creds/ci")
		require.Equal(t, first["access_token"], second["access_token"])
		require.Equal(t, int64(1), second["ttl"], "never 0")

		h.clock.Advance(time.Millisecond)
		third := h.read("static-creds/ci")
		require.NotEqual(t, first["access_token"], third["access_token"])
		require.True(t, h.pm.Accepts(first["access_token"].(string)), "the one before lives on for the overlap")

		h.clock.Advance(10*time.Minute - time.Second)
		h.tick()
		require.True(t, h.pm.Accepts(first["access_token"].(string)))
		h.clock.Advance(time.Second)
		h.tick()
		require.False(t, h.pm.Accepts(first["access_token"].(string)))
		require.True(t, h.pm.Accepts(third["access_token"].(string)))

		// One that nobody reads any more dies too.
		h.clock.Advance(2 * time.Hour)
		h.tick()
		require.False(t, h.pm.Accepts(third["access_token"].(string)))
		require.Empty(t, h.recordIDs())
	}
}

func TestAReaderWhoObeysTTLNeverHoldsADeadOne(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, map[string]any{"rotation_period": "60s", "rotation_overlap": "5s"})
	for range 20 {
		held := h.read("static-creds/ci")
		for range held["ttl"].(int64) {
			h.clock.Advance(time.Second)
			h.tick()
			require.True(t, h.pm.Accepts(held["access_token"].(string)))
		}
	}
}

func TestSharedCredentialsCostNothingToRead(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	h.read("static-creds/ci")
	h.storage.reset()
	h.pm.ResetLog()
	h.read("static-creds/ci")
	require.Equal(t, [4]int64{}, h.storage.counts())
	require.Zero(t, h.pm.Count())

	// A plugin that starts anew takes over what is there.
	h.forgetAll()
	h.read("static-creds/ci")
	require.Zero(t, h.pm.Count())
}

func TestManyReadersRotateOnce(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	h.read("static-creds/ci")
	h.clock.Advance(time.Hour)
	h.pm.ResetLog()
	h.readAtOnce("static-creds/ci", 200)
	require.Equal(t, 1, h.pm.Count())
}

func TestTheOldOneIsServedWhileNoOtherCanBeHad(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	first := h.read("static-creds/ci")
	h.clock.Advance(time.Hour)
	h.goDown()
	resp, err := h.do(logical.ReadOperation, "static-creds/ci", nil)
	require.NoError(t, err)
	require.Equal(t, first["access_token"], resp.Data["access_token"])
	require.Equal(t, int64(5), resp.Data["ttl"])
	require.Contains(t, resp.Warnings[0], "cannot be reached")

	h.clock.Advance(10 * time.Minute)
	resp, err = h.do(logical.ReadOperation, "static-creds/ci", nil)
	require.Equal(t, 502, status(resp, err), "past its own end it is not served")
	require.NoError(t, h.pm.GoOnline())
	h.clock.Advance(time.Minute)
	h.read("static-creds/ci")
}

func TestAFailedStaticWriteEndsTheNewOne(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	first := h.read("static-creds/ci")
	h.clock.Advance(time.Hour)
	h.storage.failPuts(func(key string) bool { return key == "static/ci" })
	resp, err := h.do(logical.ReadOperation, "static-creds/ci", nil)
	require.NoError(t, err)
	require.Equal(t, first["access_token"], resp.Data["access_token"])
	require.Len(t, h.liveIDs(), 1)
	require.Equal(t, h.recordedIDs(), h.liveIDs())
}

func TestAChangedRoleEndsItsSharedCredential(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	first := h.read("static-creds/ci")
	h.clock.Advance(time.Minute)
	h.mustWrite("roles/ci", map[string]any{"rotation_overlap": "5m"})
	require.Equal(t, first["access_token"], h.read("static-creds/ci")["access_token"])
	h.mustWrite("roles/ci", map[string]any{"username": "admin", "password": h.pm.User("admin").Password})
	require.Empty(t, h.liveIDs())
	second := h.read("static-creds/ci")
	require.Equal(t, "admin", second["username"])
	h.clock.Advance(time.Minute)
	_, err := h.do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	require.Empty(t, h.liveIDs())
	require.Empty(t, h.recordIDs())
}

func TestStaticRefusals(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.refusedWrite(logical.ReadOperation, "static-creds/ci", nil, "set its rotation_period")
	h.refusedWrite(logical.ReadOperation, "static-creds/none", nil, "no role")
	h.refusedWrite(logical.ReadOperation, "static-creds/ci", map[string]any{"ttl": 1}, "unknown field")
	h.refusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"rotation_period": "9s", "rotation_overlap": "1s"}, "at least 10s")
	h.refusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"rotation_period": "10m"}, "above rotation_overlap")
	h.refusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{
		"rotation_period": "1h", "credential_type": "personal_access_token", "user_id": "{{identity.entity.metadata.u}}",
	}, "identity template")
	resp := h.mustWrite("roles/ci", map[string]any{"rotation_period": "1h", "rotation_overlap": "29s"})
	require.Contains(t, resp.Warnings[0], "rotation_overlap")

	h.pm.SetPassword("alice", "another")
	resp, err := h.do(logical.ReadOperation, "static-creds/ci", nil)
	require.Equal(t, 400, status(resp, err))
	require.Equal(t, 1, h.pm.Count(processmakertest.PasswordGrant))
}

func TestASharedCredentialThatWasTidiedIsNotSharedAnyMore(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := newStaticHarness(t, map[string]any{"credential_type": kind})
		first := h.read("static-creds/ci")
		h.clock.Advance(time.Minute)
		resp, err := h.do(logical.UpdateOperation, "tidy", map[string]any{"role": "ci"})
		require.NoError(t, err)
		require.Equal(t, 1, resp.Data["ended"])
		require.False(t, h.pm.Accepts(first["access_token"].(string)))
		require.True(t, h.pm.Accepts(h.read("static-creds/ci")["access_token"].(string)))
	}
}

func TestSharedPersonalTokensEndWithoutAListing(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, map[string]any{"credential_type": "personal_access_token"})
	h.read("static-creds/ci")
	h.clock.Advance(2 * time.Hour)
	h.pm.ResetLog()
	h.tick()
	require.Empty(t, h.livePersonal())
	require.Zero(t, h.pm.Count(processmakertest.ListTokens))
}

func TestAChangedPeriodNeverSharesADeadToken(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	first := h.read("static-creds/ci")
	h.mustWrite("roles/ci", map[string]any{"rotation_period": "10h"})
	require.Equal(t, int64(3600), h.read("static-creds/ci")["ttl"], "its deadline is fixed")
	h.clock.Advance(time.Hour)
	second := h.read("static-creds/ci")
	require.NotEqual(t, first["access_token"], second["access_token"])
	require.Equal(t, int64(36000), second["ttl"])

	h.mustWrite("roles/ci", map[string]any{"rotation_period": "30m"})
	require.Equal(t, int64(1800), h.read("static-creds/ci")["ttl"])
}
