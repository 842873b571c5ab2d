package credentials

import (
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// A token that is not listed may be one that is not there yet: its record stays.
func ATokenOnItsWayIsNotTakenForDead(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	require.NoError(t, h.Issue(nil).TryRevoke())
	h.WhileMinting(func() {
		resp, err := h.Do(logical.UpdateOperation, "credentials/revoke", map[string]any{"role": "ci"})
		if err != nil || resp.Data["failed"] != 1 || resp.Data["ended"] != 0 {
			h.T.Errorf("a tidy while a token is made: %v, %v", resp, err)
		}
	})
	l := h.Issue(nil)
	require.Len(t, h.RecordIDs(), 1)
	require.NoError(t, l.TryRevoke())
	require.Empty(t, h.LivePersonal())
	require.Empty(t, h.RecordIDs())
}

// Nor is one whose answer was given up, which ProcessMaker may still be making.
func ATokenOfALostAnswerIsLookedForUntilItIsCertain(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.Refuse()})
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	h.Clock.Advance(time.Minute) // ProcessMaker is asked again
	resp := h.MustWrite("tidy", nil)
	require.Equal(t, 1, resp.Data["failed"])
	require.Len(t, h.RecordIDs(), 2)
	h.Clock.Advance(credential.MintingTime)
	resp = h.MustWrite("tidy", nil)
	require.Equal(t, 1, resp.Data["ended"])
	require.Len(t, h.RecordIDs(), 1)
}
