package main

import (
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/credential"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// A token that is not listed may be one that is not there yet: its record stays.
func TestATokenOnItsWayIsNotTakenForDead(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	require.NoError(t, h.issue(nil).tryRevoke())
	h.whileMinting(func() {
		resp, err := h.do(logical.UpdateOperation, "tidy", map[string]any{"role": "ci"})
		if err != nil || resp.Data["failed"] != 1 || resp.Data["ended"] != 0 {
			h.t.Errorf("a tidy while a token is made: %v, %v", resp, err)
		}
	})
	l := h.issue(nil)
	require.Len(t, h.recordIDs(), 1)
	require.NoError(t, l.tryRevoke())
	require.Empty(t, h.livePersonal())
	require.Empty(t, h.recordIDs())
}

// Nor is one whose answer was given up, which ProcessMaker may still be making.
func TestATokenOfALostAnswerIsLookedForUntilItIsCertain(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	h.pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.Refuse()})
	_, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	h.clock.Advance(time.Minute) // ProcessMaker is asked again
	resp := h.mustWrite("tidy", nil)
	require.Equal(t, 1, resp.Data["failed"])
	require.Len(t, h.recordIDs(), 2)
	h.clock.Advance(credential.MintingTime)
	resp = h.mustWrite("tidy", nil)
	require.Equal(t, 1, resp.Data["ended"])
	require.Len(t, h.recordIDs(), 1)
}
