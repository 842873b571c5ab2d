package main

import (
	"context"
	"strings"
	"testing"

	"vault-plugin-secrets-processmaker/engine"

	"vault-plugin-secrets-processmaker/engine/role"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// newCutHarness has roles ci and other whose user's password was changed by a
// rotation that was cut off before it knew.
func newCutHarness(t *testing.T) (h *harness, old string) {
	t.Helper()
	h = newSharedUserHarness(t)
	old = h.password()
	h.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.LoseAnswer()})
	h.storage.failPuts(func(key string) bool { return strings.HasPrefix(key, role.Prefix) })
	require.Error(t, h.rotate())
	h.storage.failPuts(nil)
	require.NotEqual(t, old, h.password())
	require.Equal(t, old, h.storedPassword("ci"))
	require.Len(t, h.openChanges(), 1)
	return h, old
}

func TestALoginTakesTheNewPasswordOver(t *testing.T) {
	t.Parallel()
	h, _ := newCutHarness(t)
	h.pm.ResetLog()
	h.issue(nil)
	require.Equal(t, 2, h.pm.Count(processmakertest.PasswordGrant), "the old password and the new one")
	require.Equal(t, h.password(), h.storedPassword("ci"))
	require.Equal(t, h.password(), h.storedPassword("other"))
	h.cost("the next issue", [4]int64{0, 1, 0, 0}, 1, func() { h.issue(nil) })
	h.tick()
	require.Empty(t, h.openChanges())
}

func TestTheWorkerTakesTheNewPasswordOver(t *testing.T) {
	t.Parallel()
	h, _ := newCutHarness(t)
	h.restart()
	h.tick()
	require.Equal(t, h.password(), h.storedPassword("ci"))
	require.Equal(t, h.password(), h.storedPassword("other"))
	h.requireSettled()
	require.Empty(t, h.liveIDs())
}

// TestASecondaryLeavesAnOpenChangeToThePrimary, whose roles it cannot write.
func TestASecondaryLeavesAnOpenChangeToThePrimary(t *testing.T) {
	t.Parallel()
	h, old := newCutHarness(t)
	h.restart()
	h.system.ReplicationStateVal = consts.ReplicationPerformanceSecondary
	h.storage.failPuts(func(key string) bool { return strings.HasPrefix(key, role.Prefix) })
	h.pm.ResetLog()
	h.tick()
	require.Zero(t, h.pm.Count(processmakertest.PasswordGrant))
	h.issue(nil)
	require.Equal(t, old, h.storedPassword("ci"))
	require.NotContains(t, h.log.String(), "disk full")
	require.NotContains(t, h.log.String(), "found to hold")
}

func TestTheNextRotationTakesTheNewPasswordOver(t *testing.T) {
	t.Parallel()
	h, _ := newCutHarness(t)
	cut := h.password()
	require.NoError(t, h.rotate())
	require.NotEqual(t, cut, h.password())
	require.Equal(t, h.password(), h.storedPassword("other"))
	h.requireSettled()
}

// TestARoleThatCannotBeWrittenIssuesAllTheSame, as on a cluster that only
// replicates it.
func TestARoleThatCannotBeWrittenIssuesAllTheSame(t *testing.T) {
	t.Parallel()
	h, old := newCutHarness(t)
	h.storage.failPuts(func(key string) bool { return strings.HasPrefix(key, role.Prefix) })
	h.issue(nil)
	h.issue(nil)
	require.Equal(t, old, h.storedPassword("ci"))
	h.storage.failPuts(nil)
	h.issue(nil)
	require.Equal(t, h.password(), h.storedPassword("ci"))
}

func TestAnOpenChangeThatDidNotHappenIsForgotten(t *testing.T) {
	t.Parallel()
	h := newSharedUserHarness(t)
	old := h.password()
	h.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.Refuse()})
	require.Error(t, h.rotate())
	h.tick()
	require.Len(t, h.openChanges(), 1, "it may still come")
	h.clock.Advance(engine.UpkeepInterval)

	// A user who cannot sign in at all says nothing about which password holds.
	h.pm.SetPassword("alice", "another one")
	h.tick()
	require.Len(t, h.openChanges(), 1)
	h.pm.SetPassword("alice", old)
	h.clock.Advance(engine.UpkeepInterval)
	h.tick()
	h.requireSettled()
	h.issue(nil)
}

func TestAnOperatorsPasswordEndsAnOpenChange(t *testing.T) {
	t.Parallel()
	h, _ := newCutHarness(t)
	h.mustWrite("roles/ci", map[string]any{"ttl": "5m"})
	require.Len(t, h.openChanges(), 1)
	h.mustWrite("roles/ci", map[string]any{"password": h.storedPassword("ci")})
	require.Len(t, h.openChanges(), 1, "nothing new was said")
	changed := h.password()
	h.mustWrite("roles/ci", map[string]any{"password": "S3CRET-mine"})
	change := h.openChange()
	require.Equal(t, []string{"other"}, change.RoleNames())
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "refused the login")
	require.Equal(t, "S3CRET-mine", h.storedPassword("ci"))

	_, err := h.do(logical.DeleteOperation, "roles/other", nil)
	require.NoError(t, err)
	require.Empty(t, h.openChanges())
	h.mustWrite("roles/ci", map[string]any{"password": changed})
	h.issue(nil)
	require.NotContains(t, h.log.String(), "S3CRET")
}

// during runs do while ProcessMaker has changed the password and not answered.
func during(h *harness, do func()) {
	h.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		do()
		return status, body
	})})
}

func TestReadsDuringARotation(t *testing.T) {
	t.Parallel()
	h := newSharedUserHarness(t)
	h.issue(nil) // the login is proved
	during(h, func() {
		for _, role := range []string{"ci", "other", "ci"} {
			resp, err := h.do(logical.ReadOperation, "creds/"+role, nil)
			if err != nil || resp.IsError() {
				t.Errorf("%s: %s", role, message(resp, err))
			}
		}
	})
	require.NoError(t, h.rotate())
	h.issue(nil)
	require.Empty(t, h.openChanges())
	require.Equal(t, h.password(), h.storedPassword("ci"))
}

// TestALoginThatARotationOvertakes was sent with the old password, and is
// refused when the rotation is over.
func TestALoginThatARotationOvertakes(t *testing.T) {
	t.Parallel()
	h := newSharedUserHarness(t)
	former := h.bound("ci")
	require.NoError(t, h.rotate())
	grant, err := h.backend.Engine().Tokens.Login(context.Background(), former)
	require.NoError(t, err)
	require.True(t, h.pm.Accepts(grant.Access.Value))
}

func TestWritesOfTheRoleDuringARotation(t *testing.T) {
	t.Parallel()
	h := newSharedUserHarness(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	during(h, func() {
		resp, err := h.do(logical.UpdateOperation, "roles/ci", map[string]any{"ttl": "5m"})
		if err != nil || resp.IsError() {
			t.Errorf("a write that leaves the login alone: %s", message(resp, err))
		}
		_, err = h.request(ctx, logical.UpdateOperation, "roles/ci", map[string]any{"password": "mine"})
		if err == nil || !strings.Contains(err.Error(), "under way") {
			t.Errorf("a write of the login did not wait: %v", err)
		}
		_, err = h.request(ctx, logical.DeleteOperation, "roles/ci", nil)
		if err == nil || !strings.Contains(err.Error(), "under way") {
			t.Errorf("a deletion did not wait: %v", err)
		}
	})
	require.NoError(t, h.rotate())
	require.Equal(t, h.password(), h.storedPassword("ci"))
	require.Equal(t, int64(300), h.read("roles/ci")["ttl"])
	require.Zero(t, h.backend.Engine().LocksInUse())
}

func TestAFailedRotationSaysNothingSecret(t *testing.T) {
	t.Parallel()
	h, old := newCutHarness(t)
	h.storage.failPuts(anyKey)
	err := h.rotate()
	require.Error(t, err)
	for _, secret := range []string{old, h.password(), h.pm.Client(3).Secret} {
		require.NotContains(t, err.Error(), secret)
		require.NotContains(t, h.log.String(), secret)
	}
}

func TestAStrangersEntryIsNotTaken(t *testing.T) {
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
			h, _ := newCutHarness(t)
			key := h.openChanges()[0]
			h.damage(key, entry)
			h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "stored change of a password")
			h.pm.ResetLog()
			h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "not tried again for 5s")
			require.Zero(t, h.pm.Count(), "every read would cost a token call")
			require.Contains(t, h.read("status/ci")["last_error"], "stored change of a password")
			require.ErrorContains(t, h.rotate(), test.rotation)
			h.tick()
			require.Contains(t, h.log.String(), "could not be completed yet")

			h.pm.SetPassword("alice", "known-Again1")
			h.mustWrite("roles/ci", map[string]any{"password": "known-Again1"})
			h.issue(nil) // the way out that the message names
			if !test.stays {
				require.Empty(t, h.openChanges())
				return
			}
			_, err := h.do(logical.DeleteOperation, "roles/other", nil)
			require.NoError(t, err)
			require.Equal(t, entry, h.snapshot()[key])
			require.Contains(t, h.log.String(), "could not be withdrawn")
			require.ErrorContains(t, h.rotate(), "Install it again")
		})
	}
}
