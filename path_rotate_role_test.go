package main

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

func TestRotateRole(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{role.CredentialTypeAccessToken, role.CredentialTypePersonalToken} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, map[string]any{"credential_type": kind})
			before := h.Issue(nil)
			old := h.Password()
			live := h.LiveIDs()

			resp := h.MustWrite("rotate-role/ci", nil)
			require.Equal(t, map[string]any{"username": "alice", "roles": []string{"ci"}, "rotated_time": "2026-03-01T12:00:00Z"}, resp.Data)
			h.CheckFields(rotateRoleAnswerFields(), resp.Data)
			require.Contains(t, strings.Join(resp.Warnings, "\n"), "vault write processmaker/credentials/revoke role=ci")

			require.NotEqual(t, old, h.Password())
			require.Equal(t, h.Password(), h.StoredPassword("ci"))
			require.Empty(t, h.OpenChanges())
			require.ElementsMatch(t, live, h.LiveIDs(), "the logins of the rotation ended, and nothing else did")
			require.Equal(t, 2, h.Pm.Count(processmakertest.PasswordGrant)-1, "one login to change, one to prove")
			require.True(t, h.Pm.Accepts(before.Token()))
			require.Contains(t, h.EventKinds(), "processmaker/role-rotate")
			require.Equal(t, true, h.Read("roles/ci")["password_set"])
			h.Issue(nil)
			h.Restart()
			h.Issue(nil)
			require.NotContains(t, h.Log.String(), h.Password())
			require.NotContains(t, h.Log.String(), old)
		})
	}
}

func TestARotatedRoleCostsNoMoreThanBefore(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("rotate-role/ci", nil)
	h.Issue(nil)
	h.Cost("issue", [4]int64{0, 1, 0, 0}, 1, func() { h.Issue(nil) })
}

func TestRotateRoleRefusals(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("roles/person", map[string]any{
		"grant_type": "authorization_code", "credential_type": "personal_access_token", "redirect_uri": "http://127.0.0.1:8250/oauth/callback",
	})
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/none", nil, "no role")
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/person", nil, "grant_type is authorization_code")
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/ci", map[string]any{"updateall": true}, "unknown field")
	require.Zero(t, h.Pm.Count())

	h.MustWrite("roles/ci", map[string]any{"password": "S3CRET-wrong"})
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "nothing was changed")
	require.Zero(t, h.Pm.Count(processmakertest.ChangePassword))
	require.Empty(t, h.OpenChanges())
	_, err := h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "no config")
	require.NotContains(t, h.Log.String(), "S3CRET")
}

func TestRolesOfOneUserAreRotatedTogether(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("roles/other", h.RoleData(map[string]any{"username": " ALICE", "password": "was wrong before"}))
	h.MustWrite("roles/admin", h.RoleData(map[string]any{"username": "admin", "password": h.Pm.User("admin").Password}))
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, `("other")`)
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/ci", map[string]any{"update_all": false}, "update_all=true")
	require.Zero(t, h.Pm.Count())

	resp := h.MustWrite("rotate-role/ci", map[string]any{"update_all": true})
	require.Equal(t, []string{"ci", "other"}, resp.Data["roles"])
	require.Len(t, resp.Warnings, 2)
	for _, role := range []string{"ci", "other", "admin"} {
		_, err := h.Do(logical.ReadOperation, "creds/"+role, nil)
		require.NoError(t, err)
	}
	require.Equal(t, h.Password(), h.StoredPassword("other"))
	require.Equal(t, h.Pm.User("admin").Password, h.StoredPassword("admin"))
}

func TestAPolicyMakesThePassword(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	word := "Policy-made-1!"
	h.System.SetPasswordPolicy("pm", func() (string, error) { return word, nil })
	h.MustWrite("config", map[string]any{"password_policy": "pm"})
	h.MustWrite("rotate-role/ci", nil)
	require.Equal(t, word, h.Password())

	word = "Markup-<1>-1!"
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "< > { }")
	word = "too-weak"
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "its own rules")
	require.Equal(t, "Policy-made-1!", h.Password())
	h.System.DeletePasswordPolicy("pm")
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "sys/policies/password/")
	h.Issue(nil)
	h.RequireSettled()
	require.NotContains(t, h.Log.String(), "too-weak")
}

// TestAPasswordThatProcessMakerAltersIsTakenBack: another release may remove
// more than the engine knows of.
func TestAPasswordThatProcessMakerAltersIsTakenBack(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	old := h.Password()
	altered := processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		h.Pm.SetPassword("alice", "altered by ProcessMaker")
		if resp, err := h.Do(logical.ReadOperation, "creds/ci", nil); err != nil || !resp.IsError() {
			t.Errorf("a read meanwhile is refused: %s", mounttest.Message(resp, err))
		}
		return status, body
	})
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: altered})
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "The old one was put back")
	require.Equal(t, old, h.Password())
	h.Issue(nil) // the refusal is not held against it
	h.RequireSettled()

	h.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Times: 2, Do: altered})
	h.RefusedWrite(logical.UpdateOperation, "rotate-role/ci", nil, "Set a password for user")
	h.MustWrite("roles/ci", map[string]any{"password": "altered by ProcessMaker"})
	h.Issue(nil)
	h.RequireSettled()
	require.NotContains(t, h.Log.String(), "altered by")
}

func TestAnUnconfirmedChangeIsAFailure(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.DrawFrom(rand.Reader)
	old := h.Password()
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.FailedSave()})
	resp, err := h.Do(logical.UpdateOperation, "rotate-role/ci", nil)
	require.Equal(t, http.StatusBadGateway, mounttest.Status(resp, err), mounttest.Message(resp, err))
	require.ErrorContains(t, err, "did not confirm")
	require.Equal(t, old, h.StoredPassword("ci"))
	h.Issue(nil)
	require.Len(t, h.OpenChanges(), 1, "it may still come")

	// Should it come late, the role finds out by itself.
	change := h.OpenChange()
	h.Pm.SetPassword("alice", change.Password)
	h.Issue(nil)
	require.Equal(t, change.Password, h.StoredPassword("ci"))
	h.MustWrite("rotate-role/ci", nil)
	require.NotEqual(t, change.Password, h.Password())
	h.RequireSettled()
}

// TestAnOpenChangeIsTriedAgainWithTheSamePassword, so that the first try does
// no harm if it arrives after the second.
func TestAnOpenChangeIsTriedAgainWithTheSamePassword(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.Refuse()})
	_, err := h.Do(logical.UpdateOperation, "rotate-role/ci", nil)
	require.Error(t, err)
	change := h.OpenChange()

	h.Pm.GoOffline()
	h.Clock.Advance(time.Minute)
	_, err = h.Do(logical.UpdateOperation, "rotate-role/ci", nil)
	require.Error(t, err)
	require.Len(t, h.OpenChanges(), 1)
	require.NoError(t, h.Pm.GoOnline())
	h.Clock.Advance(time.Minute)

	for _, effect := range []processmakertest.Effect{processmakertest.ServerError(), processmakertest.Throttled(5)} {
		h.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: effect})
		_, err = h.Do(logical.UpdateOperation, "rotate-role/ci", nil)
		require.Error(t, err)
		require.Len(t, h.OpenChanges(), 1, "the first try may still come")
		h.Clock.Advance(time.Minute)
	}
	h.MustWrite("rotate-role/ci", nil)
	require.Equal(t, change.Password, h.Password())
	h.RequireSettled()
}

func TestTwoRotationsAtOnceTakeTurns(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("roles/other", h.RoleData(nil))
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			_, err := h.Do(logical.UpdateOperation, "rotate-role/"+[]string{"ci", "other"}[i%2], map[string]any{"update_all": true})
			if err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			if _, err := h.Do(logical.ReadOperation, "creds/ci", nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, h.Pm.PeakInFlight(processmakertest.ChangePassword))
	require.Equal(t, 6, h.Pm.Count(processmakertest.ChangePassword))
	require.Equal(t, h.Password(), h.StoredPassword("ci"))
	require.Equal(t, h.Password(), h.StoredPassword("other"))
	h.RequireSettled()
}
