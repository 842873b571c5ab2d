package main

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// taintedView is the system of a mount that is being unmounted.
type taintedView struct{ *logical.StaticSystemView }

func (taintedView) Tainted() bool { return true }

func TestALongOutageHandsRevocationsOverToTheLedger(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := newReadyHarness(t, map[string]any{"credential_type": kind})
		h.tick()
		l := h.issue(nil)
		h.clock.Advance(time.Minute)
		h.goDown()
		// As Vault repeats it.
		for _, pause := range []time.Duration{0, 20, 40, 80, 159} {
			h.clock.Advance(pause * time.Second)
			require.Error(t, l.tryRevoke())
			require.Equal(t, l.id(), h.recordIDs()[0])
		}
		h.clock.Advance(time.Second)
		require.NoError(t, l.tryRevoke(), "before Vault gives up")
		require.Len(t, h.recordIDs(), 1)
		require.NotEqual(t, l.id(), h.recordIDs()[0])
		require.NoError(t, l.tryRevoke())

		require.NoError(t, h.pm.GoOnline())
		h.clock.Advance(time.Minute)
		h.pm.ResetLog()
		h.tick()
		require.False(t, h.pm.Accepts(l.token()))
		require.Empty(t, h.recordIDs())
		require.Zero(t, h.pm.Count(processmakertest.ListTokens), "the token went along")
		require.Zero(t, h.backend.engine.Credentials.Attempts.Len())
	}
}

func TestOnlyAnOutageIsHandedOver(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Answer(403, jsonHeader(), `{}`)})
	for range 3 {
		h.clock.Advance(10 * time.Minute)
		require.Error(t, l.tryRevoke())
	}
	require.Equal(t, l.id(), h.recordIDs()[0])
}

func TestNothingIsHandedOverByAMountThatGoes(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.goDown()
	h.taint()
	for range 3 {
		h.clock.Advance(10 * time.Minute)
		require.Error(t, l.tryRevoke())
	}
}
