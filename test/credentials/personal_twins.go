package credentials

import (
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// newPersonalTwin has a role of user 1, who has the number of the auth client for
// personal access tokens.
func newPersonalTwin(t *testing.T, mount mounttest.Maker, role map[string]any) *mounttest.Mount {
	t.Helper()
	data := map[string]any{"username": "admin", "password": "admin", "credential_type": "personal_access_token"}
	for key, value := range role {
		data[key] = value
	}
	return mounttest.NewReady(t, mount, data, mounttest.Passport13, func(c *processmakertest.Config) { c.UnmendedPersonalClient = true })
}

// APersonalTwinIsEndedByTheSession, which is none.
func APersonalTwinIsEndedByTheSession(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, test := range map[string]struct {
		role map[string]any
		path string
	}{
		"read":   {nil, "creds/ci"},
		"target": {map[string]any{"user_id": "1", "allow_administrators": true}, "creds/ci"},
		"static": {map[string]any{"rotation_period": "1h"}, "static-creds/ci"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalTwin(t, mount, test.role)
			for range 2 {
				resp, err := h.Do(logical.ReadOperation, test.path, nil)
				requireTwinRefused(t, 1, resp, err)
			}
			require.Equal(t, 1, h.Pm.Count(processmakertest.CreateToken), "it is remembered")
			require.Empty(t, h.LivePersonal())
			require.Empty(t, h.RecordIDs())
			requireCounted(t, h)
			h.Pm.AddClient(processmakertest.Client{PersonalAccess: true, OwnerID: 1})
			h.Clock.Advance(2 * time.Minute)
			resp, err := h.Do(logical.ReadOperation, test.path, nil)
			require.Equal(t, http.StatusOK, mounttest.Status(resp, err), mounttest.Message(resp, err))
		})
	}
}

// APersonalTwinThatCouldNotBeEndedIsDue until a session has ended it.
func APersonalTwinThatCouldNotBeEndedIsDue(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := newPersonalTwin(t, mount, nil)
	down := h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.HTMLPage(502)})
	resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	requireTwinRefused(t, 1, resp, err)
	require.Len(t, h.LivePersonal(), 1)
	require.Empty(t, h.Census())
	down()
	h.Clock.Advance(5 * time.Minute)
	h.Tick()
	require.Empty(t, h.LivePersonal())
	require.Empty(t, h.RecordIDs())
	requireCounted(t, h)
}

// APersonalTwinThatIsRefusedLaterIsEndedByTheSession, and stays due where there is none.
func APersonalTwinThatIsRefusedLaterIsEndedByTheSession(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	later := func(t *testing.T) (*mounttest.Mount, *mounttest.Lease) {
		h := newPersonalTwin(t, mount, nil)
		h.Pm.SetClientOwner(1, 1)
		l := h.Issue(nil)
		h.Clock.Advance(5 * time.Minute)
		h.Pm.SetClientOwner(1, 0)
		return h, l
	}
	t.Run("session", func(t *testing.T) {
		t.Parallel()
		h, l := later(t)
		require.NoError(t, l.TryRevoke())
		require.Empty(t, h.LivePersonal())
		require.Empty(t, h.RecordIDs())
		requireCounted(t, h)
	})
	t.Run("a new role's", func(t *testing.T) {
		t.Parallel()
		h, l := later(t)
		_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
		require.NoError(t, err)
		require.NoError(t, l.TryRevoke())
		require.Len(t, h.RecordIDs(), 1)
		h.MustWrite("roles/ci", map[string]any{"username": "admin", "password": "admin", "credential_type": "personal_access_token"})
		h.Clock.Advance(time.Minute)
		h.Tick()
		require.Empty(t, h.LivePersonal())
		require.Empty(t, h.RecordIDs())
		requireCounted(t, h)
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		h, l := later(t)
		_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
		require.NoError(t, err)
		require.NoError(t, l.TryRevoke(), "the lease alone would never end it")
		h.Tick()
		require.Len(t, h.LivePersonal(), 1)
		require.Empty(t, h.Census())
		revoke := "credentials/" + string(l.Id()) + "/revoke"
		_, err = h.Do(logical.UpdateOperation, revoke, nil)
		require.ErrorContains(t, err, "force=true")
		h.MustWrite(revoke, map[string]any{"force": true})
		require.Empty(t, h.RecordIDs())
		requireCounted(t, h)
	})
}
