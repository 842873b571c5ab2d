package passwords

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func newScheduled(t *testing.T, mount mounttest.Maker) *mounttest.Mount {
	t.Helper()
	h := mounttest.NewReady(t, mount, map[string]any{"password_rotation_period": "24h", "ttl": "1h", "max_ttl": "2h"})
	h.DrawFrom(rand.Reader) // each password another
	h.Tick()
	return h
}

func APasswordIsRotatedBySchedule(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := newScheduled(t, mount)
	first := h.Password()
	require.Equal(t, mounttest.Noon.Add(24*time.Hour).Format(time.RFC3339), h.Read("status/ci")["next_password_rotation"])
	h.Clock.Advance(23 * time.Hour)
	h.Tick()
	require.Equal(t, first, h.Password(), "not yet")
	h.Clock.Advance(time.Hour)
	h.Tick()
	second := h.Password()
	require.NotEqual(t, first, second)
	require.Equal(t, second, h.StoredPassword("ci"))
	h.RequireSettled()
	h.Issue(nil)
	require.Contains(t, h.EventKinds(), "processmaker/role-rotate")
	require.Equal(t, mounttest.Noon.Add(48*time.Hour).Format(time.RFC3339), h.Read("status/ci")["next_password_rotation"])

	// A rotation on demand, and a password that is written, count as well.
	h.Clock.Advance(20 * time.Hour)
	require.NoError(t, h.Rotate())
	third := h.Password()
	h.Clock.Advance(23 * time.Hour)
	h.Tick()
	require.Equal(t, third, h.Password())
	h.MustWrite("roles/ci", map[string]any{"password": third, "ttl": "30m"})
	h.Clock.Advance(time.Hour)
	h.Tick()
	require.NotEqual(t, third, h.Password(), "a write of the same password is none")
	h.MustWrite("roles/ci", map[string]any{"password_rotation_period": 0})
	fourth := h.Password()
	h.Clock.Advance(48 * time.Hour)
	h.Tick()
	require.Equal(t, fourth, h.Password())
	require.Equal(t, "", h.Read("status/ci")["next_password_rotation"])
}

func AFailedScheduleIsToldAndTriedAnHourLater(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := newScheduled(t, mount)
	first := h.Password()
	h.Clock.Advance(24 * time.Hour)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.Refuse()})
	h.Tick()
	require.Equal(t, first, h.Password())
	require.NotEmpty(t, h.Read("status/ci")["password_rotation_error"])
	require.Contains(t, h.EventKinds(), "processmaker/role-rotate-failed")
	require.Contains(t, h.Log.String(), "could not be rotated by schedule")
	require.NotContains(t, h.Log.String(), first)
	require.Contains(t, operationsOf(h), "role_rotate failure 1")
	h.Issue(nil)

	// Neither the clock of the sweep nor a new start brings the next try forward.
	tries := h.Pm.Count(processmakertest.ChangePassword)
	for range 59 {
		h.Clock.Advance(time.Minute)
		h.Tick()
	}
	h.Restart()
	h.Tick()
	require.Equal(t, tries, h.Pm.Count(processmakertest.ChangePassword))
	h.Clock.Advance(time.Hour)
	h.Tick()
	require.NotEqual(t, first, h.Password())
	require.Equal(t, "", h.Read("status/ci")["password_rotation_error"])
	h.Issue(nil)
}

func operationsOf(h *mounttest.Mount) (lines []string) {
	h.T.Helper()
	for _, sample := range h.Read("metrics")["processmaker_operations_total"].([]map[string]any) {
		lines = append(lines, fmt.Sprintf("%s %s %v", sample["operation"], sample["outcome"], sample["value"]))
	}
	return lines
}

func AScheduleNeedsAUserOfItsOwn(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.MustWrite("roles/other", h.RoleData(nil))
	const shared = `user "alice" is that of other roles too`
	h.RefusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"password_rotation_period": "24h"}, shared)
	_, err := h.Do(logical.DeleteOperation, "roles/other", nil)
	require.NoError(t, err)
	h.MustWrite("roles/ci", map[string]any{"password_rotation_period": "24h"})
	h.RefusedWrite(logical.CreateOperation, "roles/other", h.RoleData(map[string]any{"username": "ALICE"}), `user "ALICE" is that of other roles too ("ci")`)
	h.RefusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"password_rotation_period": "59m"}, "at least 1h")
	h.RefusedWrite(logical.CreateOperation, "roles/people", map[string]any{
		"grant_type": "authorization_code", "redirect_uri": mounttest.Callback, "credential_type": "personal_access_token", "password_rotation_period": "24h",
	}, "password_rotation_period goes with grant_type password")
}

// AScheduleCutOffAtAnyStepLeavesAWorkingRole cuts the engine off from storage and from ProcessMaker
// at once, at each step of a rotation by schedule.
func AScheduleCutOffAtAnyStepLeavesAWorkingRole(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for _, effective := range []bool{false, true} {
		t.Run(fmt.Sprintf("storing %t", effective), func(t *testing.T) {
			t.Parallel()
			step, reached := 0, true
			for ; reached; step++ {
				h := newScheduled(t, mount)
				h.Clock.Advance(24 * time.Hour)
				sound := h.Storage.Storage
				troubled := &mounttest.TroubledStorage{Storage: sound, At: step + 1, Effective: effective, Onwards: true, Then: h.Pm.GoOffline}
				h.Storage.Storage = troubled
				h.Backend.Engine().KeepUp(context.Background()) // without the sweep's own steps
				h.Storage.Storage = sound
				if reached = troubled.Count >= troubled.At; reached {
					require.NoError(t, h.Pm.GoOnline())
				}
				h.Restart()
				h.Clock.Advance(2 * time.Minute)
				h.Issue(nil)
				h.Clock.Advance(time.Hour)
				h.Tick()
				require.Empty(t, h.OpenChanges(), "step %d", step)
				require.Equal(t, h.Password(), h.StoredPassword("ci"), "step %d", step)
				h.Clock.Advance(time.Hour)
				h.Tick()
				require.NotEqual(t, "secret of alice", h.Password(), "step %d", step)
				require.NotContains(t, h.Log.String(), h.Password(), "step %d", step)
			}
			require.Greater(t, step, 12)
		})
	}
}
