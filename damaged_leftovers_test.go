package main

import (
	"context"
	"strings"
	"testing"

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
func newLeftoversHarness(t *testing.T) *harness {
	t.Helper()
	h := newStaticHarness(t, map[string]any{"credential_type": "personal_access_token"})
	h.read("static-creds/ci")
	require.NotNil(t, h.session())
	require.NoError(t, h.storage.Storage.Delete(context.Background(), role.Prefix+"ci"))
	h.forgetAll()
	return h
}

func nextHour(h *harness) {
	h.t.Helper()
	h.clock.Advance(engine.UpkeepInterval)
	h.tick()
}

// What a former role left, damaged, is complained of with a way out that works.
func TestADamagedSessionOfAFormerRoleCanBeDeleted(t *testing.T) {
	t.Parallel()
	h := newLeftoversHarness(t)
	h.damage(session.Prefix+"ci", `{"version":1}`)
	nextHour(h)
	require.Contains(t, h.log.String(), "delete sessions/ci, and its tokens in ProcessMaker")
	require.Equal(t, []string{"ci"}, h.list("sessions/"))
	resp, err := h.do(logical.DeleteOperation, "sessions/ci", nil)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	require.NotContains(t, h.snapshot(), session.Prefix+"ci")
	require.Equal(t, int64(1), h.read("status")["unaccounted"])

	said := len(h.log.String())
	nextHour(h)
	require.NotContains(t, h.log.String()[said:], "[WARN]")
	h.refusedWrite(logical.DeleteOperation, "sessions/ci", nil, `there is no role "ci"`)
}

func TestASessionCanBeDeletedWithoutItsRole(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"deleted": "", "damaged": `{"version":1}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			require.NoError(t, h.issue(nil).tryRevoke())
			if h.damage(role.Prefix+"ci", value); value == "" {
				require.NoError(t, h.storage.Storage.Delete(context.Background(), role.Prefix+"ci"))
			}
			h.pm.ResetLog()
			resp, err := h.do(logical.DeleteOperation, "sessions/ci", nil)
			require.Equal(t, 200, status(resp, err), message(resp, err))
			first := h.pm.Exchanges()[0]
			require.Equal(t, processmakertest.RefreshGrant, first.Endpoint)
			require.Equal(t, 200, first.Status, "with the config's auth client")
			require.Empty(t, h.liveIDs())
			require.Nil(t, h.session())
		})
	}
}

// The ledger ends the token of a shared credential that cannot be read, so its
// entry is of no use.
func TestADamagedSharedCredentialOfAFormerRoleGoes(t *testing.T) {
	t.Parallel()
	h := newLeftoversHarness(t)
	h.damage(credential.Prefix+"ci", `{"version":1}`)
	nextHour(h)
	require.NotContains(t, h.snapshot(), credential.Prefix+"ci")
	require.Equal(t, 1, strings.Count(h.log.String(), "a shared credential that cannot be read was dropped"))
	nextHour(h)
	require.Equal(t, 1, strings.Count(h.log.String(), "a shared credential that cannot be read was dropped"))
	require.Empty(t, h.liveIDs())

	h = newLeftoversHarness(t)
	h.damage(credential.Prefix+"ci", `{"version":99}`)
	nextHour(h)
	require.Contains(t, h.snapshot(), credential.Prefix+"ci")
	require.Contains(t, h.log.String(), "install that release again")
}

// That of a role which is there is replaced by the next read.
func TestADamagedSharedCredentialIsReplaced(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	h.read("static-creds/ci")
	h.damage(credential.Prefix+"ci", `{"version":1}`)
	nextHour(h)
	require.NotContains(t, h.log.String(), "an outdated ")
	require.True(t, h.pm.Accepts(h.read("static-creds/ci")["access_token"].(string)))
}
