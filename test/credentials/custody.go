package credentials

import (
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// ALoginOfTheEnginesOwnIsNeverUnknown: whatever is asked with it takes time,
// in which the plugin may be killed.
func ALoginOfTheEnginesOwnIsNeverUnknown(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	asked := 0
	for _, endpoint := range []processmakertest.Endpoint{processmakertest.ListTokens, processmakertest.DeleteToken} {
		h.Pm.Inject(processmakertest.Fault{On: endpoint, Times: -1, Match: func(*http.Request) bool {
			asked++
			assert.ElementsMatch(t, h.LiveIDs(), h.RecordedIDs())
			return false
		}})
	}
	_, err := h.Do(logical.ReadOperation, "status/ci", map[string]any{"unmanaged": true})
	require.NoError(t, err)
	require.Equal(t, 2, asked)
	h.MustWrite("roles/ci", map[string]any{"verify": true})
	require.Equal(t, 3, asked)

	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	h.Pm.RotateAppKey()
	l.Renew()
	require.Equal(t, 4, asked, "the token that a new login replaced")
	require.Equal(t, []string{l.Data["token_id"].(string)}, h.RecordedIDs())
}

// ASignInIsNeverUnknown while its user is looked up, nor while it is ended.
func ASignInIsNeverUnknown(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewSignIn(t, mount, nil)
	asked := 0
	for _, endpoint := range []processmakertest.Endpoint{processmakertest.ShowUser, processmakertest.DeleteToken} {
		h.Pm.Inject(processmakertest.Fault{On: endpoint, Times: -1, Match: func(*http.Request) bool {
			asked++
			assert.Empty(t, h.Census())
			return false
		}})
	}
	resp, err := h.Complete(h.Begin("alice"))
	require.NoError(t, err)
	require.False(t, resp.IsError(), "%v", resp)
	require.Equal(t, 1, asked)
	require.Empty(t, h.RecordIDs())
	_, err = h.Do(logical.DeleteOperation, "sessions/ci", nil)
	require.NoError(t, err)
	require.Equal(t, 2, asked)
	require.Empty(t, h.RecordIDs())
	require.Empty(t, h.LiveIDs())
}
