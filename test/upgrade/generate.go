package upgrade

import (
	"maps"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// newUpgradeHarness has the accounts and secrets that kept entries are for.
func newUpgradeHarness(t *testing.T, mount mounttest.Maker) *mounttest.Mount {
	h := mounttest.New(t, mount)
	for _, id := range []int64{2, 3, 4} {
		h.Pm.SetClientSecret(id, upgradeSecret)
	}
	for _, name := range []string{"admin", "alice"} {
		h.Pm.SetPassword(name, upgradePass)
	}
	h.Pm.AddUser(processmakertest.User{Username: "erin", Password: upgradePass})
	return h
}

// keep lets the present release store one of everything, and returns it by the
// name of the file that it belongs into.
func keep(t *testing.T, mount mounttest.Maker) map[string]string {
	h := newUpgradeHarness(t, mount)
	h.MustWrite("config", map[string]any{
		"url": h.Pm.URL(), "client_id": "3", "client_secret": upgradeSecret,
		"token_requests_per_minute": 0, "request_timeout": "10s", "max_concurrent_requests": 8,
	})
	alice := map[string]any{"username": "alice", "password": upgradePass}
	personal := map[string]any{"credential_type": "personal_access_token"}
	administrator := map[string]any{"username": "admin", "password": upgradePass}
	for name, data := range map[string]map[string]any{
		"ci":       join(alice, map[string]any{"ttl": "30m", "max_ttl": "12h", "refresh_min_age": "10s"}),
		"doubt":    alice,
		"steady":   join(alice, map[string]any{"renew_mode": "extend"}),
		"once":     join(alice, map[string]any{"renew_mode": "none", "client_id": "4", "client_secret": upgradeSecret, "client_auth_method": "client_secret_basic"}),
		"jobs":     join(alice, personal),
		"reports":  join(administrator, personal, map[string]any{"user_id": "2"}),
		"robot":    join(personal, map[string]any{"grant_type": "refresh_token", "client_id": "4", "client_secret": upgradeSecret}),
		"people":   join(personal, map[string]any{"grant_type": "authorization_code", "redirect_uri": mounttest.Callback, "client_id": "2", "client_secret": upgradeSecret}),
		"shared":   join(alice, personal, map[string]any{"rotation_period": "1h"}),
		"changing": {"username": "erin", "password": upgradePass},
		"rotated":  join(alice, map[string]any{"rotation_period": "2h", "rotation_overlap": "20m"}),
	} {
		h.MustWrite("roles/"+name, data)
	}
	// A cursor is stored when it is far enough ahead of the last one.
	h.Tick()
	h.Clock.Advance(30 * time.Minute)
	h.Tick()

	h.MustWrite("sessions/robot", map[string]any{"refresh_token": newFreshToken(h, keptToken{Username: "alice", ClientID: 4}).refresh})
	leases := map[string]*mounttest.Lease{}
	for _, name := range []string{"ci", "doubt", "steady", "once", "jobs", "reports", "robot"} {
		leases[name] = issueFrom(h, name)
	}
	h.Read("static-creds/shared")
	h.Read("static-creds/rotated")
	uncertain := h.Record(leases["doubt"].Id())
	uncertain.Doubtful = true
	require.NoError(h.T, h.Backend.Engine().Ledger.Put(uncertain))
	leaveDue(h)
	leaveOpen(h)
	begun := h.MustWrite("authorize/people", nil)
	return kept(h, leases, begun)
}

func join(all ...map[string]any) map[string]any {
	joined := map[string]any{}
	for _, one := range all {
		maps.Copy(joined, one)
	}
	return joined
}

func issueFrom(h *mounttest.Mount, role string) *mounttest.Lease {
	h.T.Helper()
	resp, err := h.Do(logical.ReadOperation, "creds/"+role, nil)
	require.NoError(h.T, err)
	require.False(h.T, resp.IsError(), "%v", resp)
	return h.Register("creds/"+role, resp)
}

// leaveDue leaves a token behind that could not be ended.
func leaveDue(h *mounttest.Mount) {
	h.T.Helper()
	remove := h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.Refuse()})
	h.MustWrite("roles/steady", map[string]any{"verify": true})
	remove()
}

// leaveOpen leaves a change of a password open that ProcessMaker never got.
func leaveOpen(h *mounttest.Mount) {
	h.T.Helper()
	remove := h.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.Refuse()})
	h.Clock.Advance(10 * time.Second) // of leaving ProcessMaker alone
	_, err := h.Do(logical.UpdateOperation, "rotate-role/changing", nil)
	require.Error(h.T, err)
	remove()
	require.Len(h.T, h.OpenChanges(), 1)
}
