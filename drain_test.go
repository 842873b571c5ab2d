package main

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// unmount does what Vault does after the leases are revoked.
func unmount(h *harness) {
	h.t.Helper()
	h.taint()
	h.backend.Cleanup(context.Background())
}

func TestADisabledMountLeavesNothingAlive(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, map[string]any{"credential_type": "personal_access_token"})
	h.mustWrite("roles/login", h.roleData(nil))
	h.issue(nil)
	h.read("static-creds/ci")
	_, err := h.do(logical.ReadOperation, "creds/login", nil)
	require.NoError(t, err)
	require.Len(t, h.liveIDs(), 4)
	h.clock.Advance(time.Minute)
	unmount(h)
	require.Empty(t, h.liveIDs())
}

func TestWhatADisabledMountCannotEndIsLogged(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.clock.Advance(time.Minute)
	h.goDown()
	unmount(h)
	require.Contains(t, h.log.String(), l.data["token_id"])
	require.Contains(t, h.log.String(), "by hand")
	require.NotContains(t, h.log.String(), l.token())
}

// The records of sessions that could not be ended go with the mount.
func TestSessionsThatADisabledMountCannotEndAreLogged(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	l := h.issue(nil)
	session := h.session()
	h.clock.Advance(time.Minute)
	require.NoError(t, l.tryRevoke())
	h.goDown()
	unmount(h)
	require.Regexp(t, "by hand.*"+session.TokenID, h.log.String())
	require.Regexp(t, "by hand.*user_id=.?"+session.UserID, h.log.String())
	require.NotContains(t, h.log.String(), session.AccessToken)
	require.NotContains(t, h.log.String(), session.RefreshToken)
}

func TestAReloadedPluginEndsNothing(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	h.backend.Cleanup(context.Background())
	require.Len(t, h.liveIDs(), 2)
}

func TestAMoveIsRefusedWhileASessionLives(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	require.NoError(t, h.issue(nil).tryRevoke())
	h.clock.Advance(time.Minute)
	before := h.session()
	elsewhere := newHarness(t)
	move := map[string]any{"url": elsewhere.pm.URL(), "client_secret": elsewhere.pm.Client(3).Secret}
	h.refusedWrite(logical.UpdateOperation, "config", move, "while sessions of "+h.pm.URL()+" live (roles ci). End them with \"vault delete <mount>/sessions/<role>\"")
	require.Equal(t, before, h.session())
	require.Empty(t, h.recordIDs())

	h.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.ServerError()})
	_, err := h.do(logical.DeleteOperation, "sessions/ci", nil)
	require.NoError(t, err)
	h.refusedWrite(logical.UpdateOperation, "config", move, "url cannot change while 1 credentials")
	h.clock.Advance(time.Minute)
	h.tick()
	h.mustWrite("config", move)
	require.Empty(t, h.liveIDs())
}

func TestADeletedConfigLeavesNoSessionBehind(t *testing.T) {
	t.Parallel()
	for name, withLease := range map[string]bool{"quiet mount": false, "with a lease": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			h.tick()
			l := h.issue(nil)
			h.clock.Advance(time.Minute)
			if !withLease {
				require.NoError(t, l.tryRevoke())
			}
			_, err := h.do(logical.DeleteOperation, "config", nil)
			require.NoError(t, err)
			if withLease {
				h.tick()
				require.NotNil(t, h.session(), "it may be needed to find lost tokens")
				require.NoError(t, l.tryRevoke())
			}
			h.clock.Advance(engine.UpkeepInterval)
			h.tick()
			require.Empty(t, h.liveIDs())
			require.Nil(t, h.session())
		})
	}
}
