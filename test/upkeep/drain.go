package upkeep

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// unmount does what Vault does, but for the leases.
func unmount(h *mounttest.Mount) {
	h.T.Helper()
	h.Taint()
	h.Rollback()
	h.Backend.Cleanup(context.Background())
}

func ADisabledMountLeavesNothingAlive(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewStatic(t, mount, map[string]any{"credential_type": "personal_access_token"})
	h.MustWrite("roles/login", h.RoleData(nil))
	h.Issue(nil)
	h.Read("static-creds/ci")
	_, err := h.Do(logical.ReadOperation, "creds/login", nil)
	require.NoError(t, err)
	require.Len(t, h.LiveIDs(), 4)
	h.Clock.Advance(time.Minute)
	h.Rollback()
	require.Len(t, h.LiveIDs(), 4, "the periodic function is the same call")
	h.Taint()
	h.Rollback()
	require.Empty(t, h.LiveIDs(), "before the clean-up, during which no other mount is served")
	h.Backend.Cleanup(context.Background())
	require.Empty(t, h.LiveIDs())
}

func WhatADisabledMountCannotEndIsLogged(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.Clock.Advance(time.Minute)
	h.GoDown()
	unmount(h)
	require.Contains(t, h.Log.String(), l.Data["token_id"])
	require.Contains(t, h.Log.String(), "by hand")
	require.NotContains(t, h.Log.String(), l.Token())
}

// The records of sessions that could not be ended go with the mount.
func SessionsThatADisabledMountCannotEndAreLogged(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	l := h.Issue(nil)
	session := h.Session()
	h.Clock.Advance(time.Minute)
	require.NoError(t, l.TryRevoke())
	h.GoDown()
	unmount(h)
	require.Regexp(t, "by hand.*"+session.TokenID, h.Log.String())
	require.Regexp(t, "by hand.*user_id=.?"+session.UserID, h.Log.String())
	require.NotContains(t, h.Log.String(), session.AccessToken)
	require.NotContains(t, h.Log.String(), session.RefreshToken)
}

func AReloadedPluginEndsNothing(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	h.Backend.Cleanup(context.Background())
	require.Len(t, h.LiveIDs(), 2)
}

func AMoveIsRefusedWhileASessionLives(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	require.NoError(t, h.Issue(nil).TryRevoke())
	h.Clock.Advance(time.Minute)
	before := h.Session()
	elsewhere := mounttest.New(t, mount)
	move := map[string]any{"url": elsewhere.Pm.URL(), "client_secret": elsewhere.Pm.Client(3).Secret}
	h.RefusedWrite(logical.UpdateOperation, "config", move, "while sessions of "+h.Pm.URL()+" live (roles ci). End them with \"vault delete processmaker/sessions/ci\"")
	require.Equal(t, before, h.Session())
	require.Empty(t, h.RecordIDs())

	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.ServerError()})
	_, err := h.Do(logical.DeleteOperation, "sessions/ci", nil)
	require.NoError(t, err)
	h.RefusedWrite(logical.UpdateOperation, "config", move, "url cannot change while 1 credentials")
	h.Clock.Advance(time.Minute)
	h.Tick()
	h.MustWrite("config", move)
	require.Empty(t, h.LiveIDs())
}

func ADeletedConfigLeavesNoSessionBehind(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, withLease := range map[string]bool{"quiet mount": false, "with a lease": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewPersonal(t, mount, nil)
			h.Tick()
			l := h.Issue(nil)
			h.Clock.Advance(time.Minute)
			if !withLease {
				require.NoError(t, l.TryRevoke())
			}
			_, err := h.Do(logical.DeleteOperation, "config", nil)
			require.NoError(t, err)
			if withLease {
				h.Tick()
				require.NotNil(t, h.Session(), "it may be needed to find lost tokens")
				require.NoError(t, l.TryRevoke())
			}
			h.Clock.Advance(engine.UpkeepInterval)
			h.Tick()
			require.Empty(t, h.LiveIDs())
			require.Nil(t, h.Session())
		})
	}
}

// ABrokenConnectionDoesNotEndTheDrain of a mount that is being disabled.
func ABrokenConnectionDoesNotEndTheDrain(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	for range 12 {
		h.Issue(nil)
	}
	h.Clock.Advance(time.Minute)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.Refuse()})
	unmount(h)
	require.Empty(t, h.LiveIDs())
}

// TheWayBackFromAnotherURLIsOpen: what lives at the url that is written is no reason to refuse.
func TheWayBackFromAnotherURLIsOpen(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	l := h.Issue(nil)
	h.Clock.Advance(time.Minute)
	// As after a restored backup.
	mistyped := h.Bound("ci").Config
	mistyped.URL = "https://bpm.example.invalid"
	entry, err := logical.StorageEntryJSON("config", mistyped)
	require.NoError(t, err)
	require.NoError(t, h.Storage.Storage.Put(context.Background(), entry))
	h.ForgetAll()
	h.MustWrite("config", h.ConfigData())
	require.NoError(t, l.TryRevoke())
}
