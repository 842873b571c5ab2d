package hostile

import (
	"context"
	"strings"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine"

	"vault-plugin-secrets-processmaker/engine/credential"

	"vault-plugin-secrets-processmaker/engine/session"

	"vault-plugin-secrets-processmaker/engine/role"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// newLeftoversHarness has a session and a shared credential of a role that is
// gone.
func newLeftoversHarness(t *testing.T, mount mounttest.Maker) *mounttest.Mount {
	t.Helper()
	h := mounttest.NewStatic(t, mount, map[string]any{"credential_type": "personal_access_token"})
	h.Read("static-creds/ci")
	require.NotNil(t, h.Session())
	require.NoError(t, h.Storage.Storage.Delete(context.Background(), role.Prefix+"ci"))
	h.ForgetAll()
	return h
}

func nextHour(h *mounttest.Mount) {
	h.T.Helper()
	h.Clock.Advance(engine.UpkeepInterval)
	h.Tick()
}

// What a former role left, damaged, is complained of with a way out that works.
func ADamagedSessionOfAFormerRoleCanBeDeleted(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := newLeftoversHarness(t, mount)
	h.Damage(session.Prefix+"ci", `{"version":1}`)
	nextHour(h)
	require.Contains(t, h.Log.String(), "vault delete processmaker/sessions/ci")
	require.Equal(t, []string{"ci"}, h.List("sessions/"))
	resp, err := h.Do(logical.DeleteOperation, "sessions/ci", nil)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	require.NotContains(t, h.Snapshot(), session.Prefix+"ci")
	require.Equal(t, int64(1), h.Read("status")["unaccounted"])

	said := len(h.Log.String())
	nextHour(h)
	require.NotContains(t, h.Log.String()[said:], "[WARN]")
	h.RefusedWrite(logical.DeleteOperation, "sessions/ci", nil, `there is no role "ci"`)
}

func ASessionCanBeDeletedWithoutItsRole(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, value := range map[string]string{"deleted": "", "damaged": `{"version":1}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewPersonal(t, mount, nil)
			require.NoError(t, h.Issue(nil).TryRevoke())
			if h.Damage(role.Prefix+"ci", value); value == "" {
				require.NoError(t, h.Storage.Storage.Delete(context.Background(), role.Prefix+"ci"))
			}
			h.Pm.ResetLog()
			resp, err := h.Do(logical.DeleteOperation, "sessions/ci", nil)
			require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
			first := h.Pm.Exchanges()[0]
			require.Equal(t, processmakertest.RefreshGrant, first.Endpoint)
			require.Equal(t, 200, first.Status, "with the config's auth client")
			require.Empty(t, h.LiveIDs())
			require.Nil(t, h.Session())
		})
	}
}

// The ledger ends the token of a shared credential that cannot be read, so its
// entry is of no use.
func ADamagedSharedCredentialOfAFormerRoleGoes(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := newLeftoversHarness(t, mount)
	h.Damage(credential.Prefix+"ci", `{"version":1}`)
	nextHour(h)
	require.NotContains(t, h.Snapshot(), credential.Prefix+"ci")
	require.Equal(t, 1, strings.Count(h.Log.String(), "a shared credential that cannot be read was dropped"))
	nextHour(h)
	require.Equal(t, 1, strings.Count(h.Log.String(), "a shared credential that cannot be read was dropped"))
	require.Empty(t, h.LiveIDs())

	h = newLeftoversHarness(t, mount)
	h.Damage(credential.Prefix+"ci", `{"version":99}`)
	nextHour(h)
	require.Contains(t, h.Snapshot(), credential.Prefix+"ci")
	require.Contains(t, h.Log.String(), "install that release again")
}

// That of a role which is there is replaced by the next read.
func ADamagedSharedCredentialIsReplaced(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewStatic(t, mount, nil)
	h.Read("static-creds/ci")
	h.Damage(credential.Prefix+"ci", `{"version":1}`)
	nextHour(h)
	require.NotContains(t, h.Log.String(), "an outdated ")
	require.True(t, h.Pm.Accepts(h.Read("static-creds/ci")["access_token"].(string)))
}
