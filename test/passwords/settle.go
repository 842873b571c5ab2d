package passwords

import (
	"context"
	"strings"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine"

	"vault-plugin-secrets-processmaker/engine/role"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// newCutHarness has roles ci and other whose user's password was changed by a
// rotation that was cut off before it knew.
func newCutHarness(t *testing.T, mount mounttest.Maker) (h *mounttest.Mount, old string) {
	t.Helper()
	h = mounttest.NewSharedUser(t, mount)
	old = h.Password()
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.LoseAnswer()})
	h.Storage.FailPuts(func(key string) bool { return strings.HasPrefix(key, role.Prefix) })
	require.Error(t, h.Rotate())
	h.Storage.FailPuts(nil)
	require.NotEqual(t, old, h.Password())
	require.Equal(t, old, h.StoredPassword("ci"))
	require.Len(t, h.OpenChanges(), 1)
	return h, old
}

func ALoginTakesTheNewPasswordOver(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h, _ := newCutHarness(t, mount)
	h.Pm.ResetLog()
	h.Issue(nil)
	require.Equal(t, 2, h.Pm.Count(processmakertest.PasswordGrant), "the old password and the new one")
	require.Equal(t, h.Password(), h.StoredPassword("ci"))
	require.Equal(t, h.Password(), h.StoredPassword("other"))
	h.Cost("the next issue", [4]int64{0, 1, 0, 0}, 1, func() { h.Issue(nil) })
	h.Tick()
	require.Empty(t, h.OpenChanges())
}

func TheWorkerTakesTheNewPasswordOver(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h, _ := newCutHarness(t, mount)
	h.Restart()
	h.Tick()
	require.Equal(t, h.Password(), h.StoredPassword("ci"))
	require.Equal(t, h.Password(), h.StoredPassword("other"))
	h.RequireSettled()
	require.Empty(t, h.LiveIDs())
}

// ASecondaryLeavesAnOpenChangeToThePrimary, whose roles it cannot write.
func ASecondaryLeavesAnOpenChangeToThePrimary(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h, old := newCutHarness(t, mount)
	h.Restart()
	h.System.ReplicationStateVal = consts.ReplicationPerformanceSecondary
	h.Storage.FailPuts(func(key string) bool { return strings.HasPrefix(key, role.Prefix) })
	h.Pm.ResetLog()
	h.Tick()
	require.Zero(t, h.Pm.Count(processmakertest.PasswordGrant))
	h.Issue(nil)
	require.Equal(t, old, h.StoredPassword("ci"))
	require.NotContains(t, h.Log.String(), "disk full")
	require.NotContains(t, h.Log.String(), "found to hold")
}

func TheNextRotationTakesTheNewPasswordOver(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h, _ := newCutHarness(t, mount)
	cut := h.Password()
	require.NoError(t, h.Rotate())
	require.NotEqual(t, cut, h.Password())
	require.Equal(t, h.Password(), h.StoredPassword("other"))
	h.RequireSettled()
}

// ARoleThatCannotBeWrittenIssuesAllTheSame, as on a cluster that only
// replicates it.
func ARoleThatCannotBeWrittenIssuesAllTheSame(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h, old := newCutHarness(t, mount)
	h.Storage.FailPuts(func(key string) bool { return strings.HasPrefix(key, role.Prefix) })
	h.Issue(nil)
	h.Issue(nil)
	require.Equal(t, old, h.StoredPassword("ci"))
	h.Storage.FailPuts(nil)
	h.Issue(nil)
	require.Equal(t, h.Password(), h.StoredPassword("ci"))
}

func AnOpenChangeThatDidNotHappenIsForgotten(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewSharedUser(t, mount)
	old := h.Password()
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.Refuse()})
	require.Error(t, h.Rotate())
	h.Tick()
	require.Len(t, h.OpenChanges(), 1, "it may still come")
	h.Clock.Advance(engine.UpkeepInterval)

	// A user who cannot sign in at all says nothing about which password holds.
	h.Pm.SetPassword("alice", "another one")
	h.Tick()
	require.Len(t, h.OpenChanges(), 1)
	h.Pm.SetPassword("alice", old)
	h.Clock.Advance(engine.UpkeepInterval)
	h.Tick()
	h.RequireSettled()
	h.Issue(nil)
}

func AnOperatorsPasswordEndsAnOpenChange(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h, _ := newCutHarness(t, mount)
	h.MustWrite("roles/ci", map[string]any{"ttl": "5m"})
	require.Len(t, h.OpenChanges(), 1)
	h.MustWrite("roles/ci", map[string]any{"password": h.StoredPassword("ci")})
	require.Len(t, h.OpenChanges(), 1, "nothing new was said")
	changed := h.Password()
	h.MustWrite("roles/ci", map[string]any{"password": "S3CRET-mine"})
	change := h.OpenChange()
	require.Equal(t, []string{"other"}, change.RoleNames())
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "refused the login")
	require.Equal(t, "S3CRET-mine", h.StoredPassword("ci"))

	_, err := h.Do(logical.DeleteOperation, "roles/other", nil)
	require.NoError(t, err)
	require.Empty(t, h.OpenChanges())
	h.MustWrite("roles/ci", map[string]any{"password": changed})
	h.Issue(nil)
	require.NotContains(t, h.Log.String(), "S3CRET")
}

// during runs do while ProcessMaker has changed the password and not answered.
func during(h *mounttest.Mount, do func()) {
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		do()
		return status, body
	})})
}

func ReadsDuringARotation(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewSharedUser(t, mount)
	h.Issue(nil) // the login is proved
	during(h, func() {
		for _, role := range []string{"ci", "other", "ci"} {
			resp, err := h.Do(logical.ReadOperation, "creds/"+role, nil)
			if err != nil || resp.IsError() {
				t.Errorf("%s: %s", role, mounttest.Message(resp, err))
			}
		}
	})
	require.NoError(t, h.Rotate())
	h.Issue(nil)
	require.Empty(t, h.OpenChanges())
	require.Equal(t, h.Password(), h.StoredPassword("ci"))
}

// ALoginThatARotationOvertakes was sent with the old password, and is
// refused when the rotation is over.
func ALoginThatARotationOvertakes(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewSharedUser(t, mount)
	former := h.Bound("ci")
	require.NoError(t, h.Rotate())
	grant, err := h.Backend.Engine().Tokens.Login(context.Background(), former)
	require.NoError(t, err)
	require.True(t, h.Pm.Accepts(grant.Access.Value))
}

func WritesOfTheRoleDuringARotation(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewSharedUser(t, mount)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	during(h, func() {
		resp, err := h.Do(logical.UpdateOperation, "roles/ci", map[string]any{"ttl": "5m"})
		if err != nil || resp.IsError() {
			t.Errorf("a write that leaves the login alone: %s", mounttest.Message(resp, err))
		}
		_, err = h.Request(ctx, logical.UpdateOperation, "roles/ci", map[string]any{"password": "mine"})
		if err == nil || !strings.Contains(err.Error(), "under way") {
			t.Errorf("a write of the login did not wait: %v", err)
		}
		_, err = h.Request(ctx, logical.DeleteOperation, "roles/ci", nil)
		if err == nil || !strings.Contains(err.Error(), "under way") {
			t.Errorf("a deletion did not wait: %v", err)
		}
	})
	require.NoError(t, h.Rotate())
	require.Equal(t, h.Password(), h.StoredPassword("ci"))
	require.Equal(t, int64(300), h.Read("roles/ci")["ttl"])
	require.Zero(t, h.Backend.Engine().LocksInUse())
}

func AFailedRotationSaysNothingSecret(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h, old := newCutHarness(t, mount)
	h.Storage.FailPuts(mounttest.AnyKey)
	err := h.Rotate()
	require.Error(t, err)
	for _, secret := range []string{old, h.Password(), h.Pm.Client(3).Secret} {
		require.NotContains(t, err.Error(), secret)
		require.NotContains(t, h.Log.String(), secret)
	}
}

func AStrangersEntryIsNotTaken(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for entry, test := range map[string]struct {
		rotation string
		stays    bool
	}{
		`[]`: {"stored change of a password", false},
		// It may hold the only copy of a password that other roles wait for.
		`{"version": 2}`: {"that release alone can complete", true},
	} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			h, _ := newCutHarness(t, mount)
			key := h.OpenChanges()[0]
			h.Damage(key, entry)
			h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "stored change of a password")
			h.Pm.ResetLog()
			h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "not tried again for 5s")
			require.Zero(t, h.Pm.Count(), "every read would cost a token call")
			require.Contains(t, h.Read("status/ci")["last_error"], "stored change of a password")
			require.ErrorContains(t, h.Rotate(), test.rotation)
			h.Tick()
			require.Contains(t, h.Log.String(), "could not be completed yet")

			h.Pm.SetPassword("alice", "known-Again1")
			h.MustWrite("roles/ci", map[string]any{"password": "known-Again1"})
			h.Issue(nil) // the way out that the message names
			if !test.stays {
				require.Empty(t, h.OpenChanges())
				return
			}
			_, err := h.Do(logical.DeleteOperation, "roles/other", nil)
			require.NoError(t, err)
			require.Equal(t, entry, h.Snapshot()[key])
			require.Contains(t, h.Log.String(), "could not be withdrawn")
			require.ErrorContains(t, h.Rotate(), "Install it again")
		})
	}
}
