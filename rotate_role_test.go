package main

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/role"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestRotateRole(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{role.CredentialTypeAccessToken, role.CredentialTypePersonalToken} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, map[string]any{"credential_type": kind})
			before := h.issue(nil)
			old := h.password()
			live := h.liveIDs()

			resp := h.mustWrite("rotate-role/ci", nil)
			require.Equal(t, map[string]any{"username": "alice", "roles": []string{"ci"}, "rotated_time": "2026-03-01T12:00:00Z"}, resp.Data)
			h.checkFields(rotateRoleAnswerFields(), resp.Data)
			require.Contains(t, strings.Join(resp.Warnings, "\n"), "vault write processmaker/tidy role=ci")

			require.NotEqual(t, old, h.password())
			require.Equal(t, h.password(), h.storedPassword("ci"))
			require.Empty(t, h.openChanges())
			require.ElementsMatch(t, live, h.liveIDs(), "the logins of the rotation ended, and nothing else did")
			require.Equal(t, 2, h.pm.Count(processmakertest.PasswordGrant)-1, "one login to change, one to prove")
			require.True(t, h.pm.Accepts(before.token()))
			require.Contains(t, h.eventKinds(), "processmaker/role-rotate")
			require.Equal(t, true, h.read("roles/ci")["password_set"])
			h.issue(nil)
			h.restart()
			h.issue(nil)
			require.NotContains(t, h.log.String(), h.password())
			require.NotContains(t, h.log.String(), old)
		})
	}
}

func TestARotatedRoleCostsNoMoreThanBefore(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.mustWrite("rotate-role/ci", nil)
	h.issue(nil)
	h.cost("issue", [4]int64{0, 1, 0, 0}, 1, func() { h.issue(nil) })
}

func TestRotateRoleRefusals(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.mustWrite("roles/person", map[string]any{
		"grant_type": "authorization_code", "credential_type": "personal_access_token", "redirect_uri": "http://127.0.0.1:8250/oauth/callback",
	})
	h.refusedWrite(logical.UpdateOperation, "rotate-role/none", nil, "no role")
	h.refusedWrite(logical.UpdateOperation, "rotate-role/person", nil, "grant_type is authorization_code")
	h.refusedWrite(logical.UpdateOperation, "rotate-role/ci", map[string]any{"updateall": true}, "unknown field")
	require.Zero(t, h.pm.Count())

	h.mustWrite("roles/ci", map[string]any{"password": "S3CRET-wrong"})
	h.refusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "nothing was changed")
	require.Zero(t, h.pm.Count(processmakertest.ChangePassword))
	require.Empty(t, h.openChanges())
	_, err := h.do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	h.refusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "no config")
	require.NotContains(t, h.log.String(), "S3CRET")
}

func TestRolesOfOneUserAreRotatedTogether(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.mustWrite("roles/other", h.roleData(map[string]any{"username": " ALICE", "password": "was wrong before"}))
	h.mustWrite("roles/admin", h.roleData(map[string]any{"username": "admin", "password": h.pm.User("admin").Password}))
	h.refusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, `("other")`)
	h.refusedWrite(logical.UpdateOperation, "rotate-role/ci", map[string]any{"update_all": false}, "update_all=true")
	require.Zero(t, h.pm.Count())

	resp := h.mustWrite("rotate-role/ci", map[string]any{"update_all": true})
	require.Equal(t, []string{"ci", "other"}, resp.Data["roles"])
	require.Len(t, resp.Warnings, 2)
	for _, role := range []string{"ci", "other", "admin"} {
		_, err := h.do(logical.ReadOperation, "creds/"+role, nil)
		require.NoError(t, err)
	}
	require.Equal(t, h.password(), h.storedPassword("other"))
	require.Equal(t, h.pm.User("admin").Password, h.storedPassword("admin"))
}

func TestAPolicyMakesThePassword(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	word := "Policy-made-1!"
	h.system.SetPasswordPolicy("pm", func() (string, error) { return word, nil })
	h.mustWrite("config", map[string]any{"password_policy": "pm"})
	h.mustWrite("rotate-role/ci", nil)
	require.Equal(t, word, h.password())

	word = "Markup-<1>-1!"
	h.refusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "< > { }")
	word = "too-weak"
	h.refusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "its own rules")
	require.Equal(t, "Policy-made-1!", h.password())
	h.system.DeletePasswordPolicy("pm")
	h.refusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "sys/policies/password/")
	h.issue(nil)
	h.requireSettled()
	require.NotContains(t, h.log.String(), "too-weak")
}

// TestAPasswordThatProcessMakerAltersIsTakenBack: another release may remove
// more than the engine knows of.
func TestAPasswordThatProcessMakerAltersIsTakenBack(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	old := h.password()
	altered := processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		h.pm.SetPassword("alice", "altered by ProcessMaker")
		if resp, err := h.do(logical.ReadOperation, "creds/ci", nil); err != nil || !resp.IsError() {
			t.Errorf("a read meanwhile is refused: %s", message(resp, err))
		}
		return status, body
	})
	h.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: altered})
	h.refusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "The old one was put back")
	require.Equal(t, old, h.password())
	h.issue(nil) // the refusal is not held against it
	h.requireSettled()

	h.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Times: 2, Do: altered})
	h.refusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "Set a password for user")
	h.mustWrite("roles/ci", map[string]any{"password": "altered by ProcessMaker"})
	h.issue(nil)
	h.requireSettled()
	require.NotContains(t, h.log.String(), "altered by")
}

func TestAnUnconfirmedChangeIsAFailure(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.drawFrom(rand.Reader)
	old := h.password()
	h.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.FailedSave()})
	resp, err := h.do(logical.UpdateOperation, "rotate-role/ci", nil)
	require.Equal(t, http.StatusBadGateway, status(resp, err), message(resp, err))
	require.ErrorContains(t, err, "did not confirm")
	require.Equal(t, old, h.storedPassword("ci"))
	h.issue(nil)
	require.Len(t, h.openChanges(), 1, "it may still come")

	// Should it come late, the role finds out by itself.
	change := h.openChange()
	h.pm.SetPassword("alice", change.Password)
	h.issue(nil)
	require.Equal(t, change.Password, h.storedPassword("ci"))
	h.mustWrite("rotate-role/ci", nil)
	require.NotEqual(t, change.Password, h.password())
	h.requireSettled()
}

// TestAnOpenChangeIsTriedAgainWithTheSamePassword, so that the first try does
// no harm if it arrives after the second.
func TestAnOpenChangeIsTriedAgainWithTheSamePassword(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.Refuse()})
	_, err := h.do(logical.UpdateOperation, "rotate-role/ci", nil)
	require.Error(t, err)
	change := h.openChange()

	h.pm.GoOffline()
	h.clock.Advance(time.Minute)
	_, err = h.do(logical.UpdateOperation, "rotate-role/ci", nil)
	require.Error(t, err)
	require.Len(t, h.openChanges(), 1)
	require.NoError(t, h.pm.GoOnline())
	h.clock.Advance(time.Minute)

	for _, effect := range []processmakertest.Effect{processmakertest.ServerError(), processmakertest.Throttled(5)} {
		h.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: effect})
		_, err = h.do(logical.UpdateOperation, "rotate-role/ci", nil)
		require.Error(t, err)
		require.Len(t, h.openChanges(), 1, "the first try may still come")
		h.clock.Advance(time.Minute)
	}
	h.mustWrite("rotate-role/ci", nil)
	require.Equal(t, change.Password, h.password())
	h.requireSettled()
}

func TestTwoRotationsAtOnceTakeTurns(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.mustWrite("roles/other", h.roleData(nil))
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			_, err := h.do(logical.UpdateOperation, "rotate-role/"+[]string{"ci", "other"}[i%2], map[string]any{"update_all": true})
			if err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			if _, err := h.do(logical.ReadOperation, "creds/ci", nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, h.pm.PeakInFlight(processmakertest.ChangePassword))
	require.Equal(t, 6, h.pm.Count(processmakertest.ChangePassword))
	require.Equal(t, h.password(), h.storedPassword("ci"))
	require.Equal(t, h.password(), h.storedPassword("other"))
	h.requireSettled()
}
