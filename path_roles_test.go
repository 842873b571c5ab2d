package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/logingate"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

func TestRoleReadsBackWithoutSecrets(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.MustWrite("config", h.ConfigData())
	require.Nil(t, h.Read("roles/ci"))
	h.MustWrite("roles/ci", h.RoleData(nil))
	got := h.Read("roles/ci")
	h.CheckFields(answerFields(roleFields(), "name", "verify"), got)
	require.Equal(t, map[string]any{
		"client_id": "", "client_secret_set": false, "client_auth_method": "",
		"grant_type": "password", "username": "alice", "password_set": true, "scopes": []string{}, "redirect_uri": "", "session_user_id": "",
		"credential_type": "access_token", "user_id": "", "allow_administrators": false, "ttl": int64(3600), "max_ttl": int64(86400), "renew_mode": "refresh", "refresh_min_age": int64(0), "rotation_period": int64(0), "rotation_overlap": int64(600), "password_rotation_period": int64(0),
	}, got)
}

func TestRoleKeepsWhatIsNotGiven(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"scopes": "*", "refresh_min_age": "1m"})
	before := h.Read("roles/ci")
	require.Equal(t, []string{"*"}, before["scopes"])
	h.MustWrite("roles/ci", map[string]any{"ttl": "5m"})
	before["ttl"] = int64(300)
	require.Equal(t, before, h.Read("roles/ci"))

	_, err := h.Do(logical.PatchOperation, "roles/ci", map[string]any{"ttl": nil, "scopes": nil, "refresh_min_age": nil})
	require.NoError(t, err)
	got := h.Read("roles/ci")
	require.Equal(t, int64(3600), got["ttl"])
	require.Equal(t, []string{}, got["scopes"])
	require.Equal(t, int64(0), got["refresh_min_age"])
	h.Issue(nil)
}

func TestRoleRefusals(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.RefusedWrite(logical.CreateOperation, "roles/ci", h.RoleData(nil), "config first")
	data := h.ConfigData()
	delete(data, "client_id")
	delete(data, "client_secret")
	h.MustWrite("config", data)
	h.RefusedWrite(logical.CreateOperation, "roles/ci", h.RoleData(nil), "neither the role nor the config has an auth client")
	h.MustWrite("roles/own", h.RoleData(map[string]any{"client_id": "3", "client_secret": h.Pm.Client(3).Secret, "client_auth_method": "client_secret_basic"}))
	h.MustWrite("config", h.ConfigData())
	h.MustWrite("roles/ci", h.RoleData(nil))
	h.RefusedWrite(logical.PatchOperation, "roles/new", h.RoleData(nil), "no role")
	before := h.Read("roles/ci")
	for name, test := range map[string]struct {
		data map[string]any
		says string
	}{
		"no username":           {map[string]any{"username": ""}, "username and password"},
		"no password":           {map[string]any{"password": nil}, "username and password"},
		"another grant":         {map[string]any{"grant_type": "client_credentials"}, "grant_type"},
		"another credential":    {map[string]any{"credential_type": "cookie"}, "credential_type"},
		"another mode":          {map[string]any{"renew_mode": "rotate"}, "refresh, extend, none"},
		"ttl above max_ttl":     {map[string]any{"ttl": "48h"}, "above max_ttl"},
		"ttl of nothing":        {map[string]any{"ttl": 0}, "ttl"},
		"negative ttl":          {map[string]any{"ttl": -1}, "ttl"},
		"age without refresh":   {map[string]any{"refresh_min_age": "1m", "renew_mode": "extend"}, "refresh_min_age needs"},
		"method without client": {map[string]any{"client_auth_method": "client_secret_basic"}, "goes with client_id"},
		"client without secret": {map[string]any{"client_id": "4"}, "go together"},
		"blank in client":       {map[string]any{"client_id": " 4", "client_secret": "S3CRET"}, "blank"},
		"unknown field":         {map[string]any{"passwort": "S3CRET"}, `"passwort"`},
		"password is a list":    {map[string]any{"password": []any{"S3CRET"}}, "expects a text"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, operation := range []logical.Operation{logical.UpdateOperation, logical.PatchOperation} {
				resp, err := h.Do(operation, "roles/ci", test.data)
				require.NoError(t, err)
				require.True(t, resp.IsError())
				require.ErrorContains(t, resp.Error(), test.says)
				require.NotContains(t, resp.Error().Error(), "S3CRET")
				require.Equal(t, before, h.Read("roles/ci"))
			}
		})
	}
	h.MustWrite("roles/"+strings.Repeat("r", role.LongestName), h.RoleData(nil))
	h.RefusedWrite(logical.CreateOperation, "roles/"+strings.Repeat("r", role.LongestName+1), h.RoleData(nil), "characters")
	h.RefusedWrite(logical.UpdateOperation, "roles/own", map[string]any{"client_id": "4"}, "needs client_secret in the same request")
}

func TestRoleWithItsOwnClient(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("roles/ci", map[string]any{"client_id": "4", "client_secret": h.Pm.Client(4).Secret, "client_auth_method": "client_secret_basic"})
	l := h.Issue(nil)
	require.Equal(t, "4", l.Data["client_id"])
	exchanges := h.Pm.Exchanges()
	require.True(t, exchanges[len(exchanges)-1].BasicAuth)

	// Back to the config's, as a unit.
	_, err := h.Do(logical.PatchOperation, "roles/ci", map[string]any{"client_id": nil, "client_secret": nil, "client_auth_method": nil})
	require.NoError(t, err)
	require.Equal(t, "3", h.Issue(nil).Data["client_id"])
}

func TestRolesWhoseClientWasTakenAway(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	_, err := h.Do(logical.PatchOperation, "config", map[string]any{"client_id": nil, "client_secret": nil})
	require.NoError(t, err)
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "Write client_id and client_secret")
}

func TestVerifyLogsInOnceAndEndsIt(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("roles/ci", map[string]any{"verify": true})
	require.Equal(t, 1, h.Pm.Count(processmakertest.PasswordGrant))
	require.Empty(t, h.LiveIDs())
	require.Empty(t, h.RecordIDs())

	before := h.Read("roles/ci")
	h.RefusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"verify": true, "password": "wrong", "ttl": "1m"}, "nothing was stored")
	require.Equal(t, before, h.Read("roles/ci"))
	h.Clock.Advance(logingate.LongestPause)

	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.HTMLPage(500)})
	h.MustWrite("roles/ci", map[string]any{"verify": true})
	require.Equal(t, h.RecordedIDs(), h.LiveIDs(), "a token that could not be ended is put down as due")

	h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Throttled(9)})
	resp, err := h.Write("roles/ci", map[string]any{"verify": true})
	require.Equal(t, 503, mounttest.Status(resp, err))
}

// Whoever may write roles could else try out passwords as fast as ProcessMaker answers.
func TestVerifyTriesOnePasswordAtATime(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("roles/robert", h.RoleData(map[string]any{"username": h.Pm.AddUser(processmakertest.User{Username: "robert", Password: "robert's"}).Username, "password": "robert's"}))
	guess := func(i int) {
		h.RefusedWrite(logical.UpdateOperation, fmt.Sprintf("roles/r%d", i%3), map[string]any{
			"username": []string{"alice", " Alice", "ALICE "}[i%3], "password": fmt.Sprint("guess ", i), "verify": true,
		}, "wrong username or password")
	}
	tried := func() int {
		defer h.Pm.ResetLog()
		return h.Pm.Count(processmakertest.PasswordGrant)
	}
	for i := range 50 {
		guess(i)
		h.MustWrite("roles/ci", h.RoleData(nil))
		h.MustWrite("config", map[string]any{"request_timeout": "20s"})
	}
	require.Equal(t, 1, tried())

	h.Issue(nil)
	h.MustWrite("roles/robert", map[string]any{"verify": true})
	require.Equal(t, 2, tried(), "neither a reader of the same user nor another user is refused")

	for _, pause := range []time.Duration{5, 10, 20, 40, 60, 60} {
		h.Clock.Advance(pause * time.Second)
		guess(0)
		guess(1)
		require.Equal(t, 1, tried(), "after %d s", pause)
	}
	h.Clock.Advance(time.Minute)
	h.MustWrite("roles/ci", map[string]any{"verify": true})
	require.Equal(t, 1, tried())
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { guess(i) })
	}
	all.Wait()
	require.Equal(t, 1, tried(), "an accepted login opens no way to the next guesses")
}

func TestVerifyNeedsAPassword(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	h.RefusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"verify": true}, "verify goes with")
}

func TestListAndDeleteRoles(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("roles/a", h.RoleData(nil))
	require.Equal(t, []string{"a", "ci"}, roleNames(h))
	_, err := h.Do(logical.DeleteOperation, "roles/a", nil)
	require.NoError(t, err)
	_, err = h.Do(logical.DeleteOperation, "roles/a", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"ci"}, roleNames(h))
	require.Nil(t, h.Read("roles/a"))
}

func roleNames(h *mounttest.Mount) []string {
	h.T.Helper()
	resp, err := h.Do(logical.ListOperation, "roles/", nil)
	require.NoError(h.T, err)
	return resp.Data["keys"].([]string)
}

func TestRoleWritesAtTheSameTime(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			resp, err := h.Write("roles/ci", map[string]any{"ttl": 60 + i})
			if code := mounttest.Status(resp, err); code != 200 && code != 409 {
				t.Errorf("status %d: %s", code, mounttest.Message(resp, err))
			}
		})
		wg.Go(func() { h.Backend.InvalidateKey(context.Background(), "role/ci") })
		wg.Go(func() { h.Read("roles/ci") })
	}
	wg.Wait()
	current := h.Read("roles/ci")
	h.ForgetAll()
	require.Equal(t, current, h.Read("roles/ci"), "memory and storage agree")
}

func TestUnreadableRoles(t *testing.T) {
	t.Parallel()
	for stored, says := range map[string]string{
		`{"password": S3CRET}`: "not in the form of this release",
		`{"version": 99}`:      "newer release",
	} {
		h := newReadyHarness(t, nil)
		require.NoError(t, h.Storage.Storage.Put(context.Background(), &logical.StorageEntry{Key: "role/odd", Value: []byte(stored)}))
		_, err := h.Do(logical.ReadOperation, "creds/odd", nil)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "S3CRET")
	}
}

func TestAnotherNodesWritesAreSeen(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	require.Equal(t, int64(3600), h.Read("roles/ci")["ttl"])
	entry, err := h.Storage.Storage.Get(context.Background(), "role/ci")
	require.NoError(t, err)
	entry.Value = []byte(strings.Replace(string(entry.Value), `"ttl":3600000000000`, `"ttl":60000000000`, 1))
	require.NoError(t, h.Storage.Storage.Put(context.Background(), entry))
	h.Backend.InvalidateKey(context.Background(), "role/ci")
	require.Equal(t, int64(60), h.Read("roles/ci")["ttl"])
}

func TestChoosingRefreshWarns(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.MustWrite("config", h.ConfigData())
	resp := h.MustWrite("roles/ci", h.RoleData(nil))
	require.Equal(t, []string{refreshWarning}, resp.Warnings)
	require.Nil(t, h.MustWrite("roles/ci", map[string]any{"ttl": "5m"}), "it was said once")
	require.NotNil(t, h.MustWrite("roles/ci", map[string]any{"renew_mode": "refresh"}))
	require.Nil(t, h.MustWrite("roles/ci", map[string]any{"renew_mode": "extend"}))
	require.NotNil(t, h.MustWrite("roles/ci", map[string]any{"renew_mode": nil}), "null is the default")
}

func TestRolesAreListedWithWhatTheyAre(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("roles/jobs", h.RoleData(map[string]any{"credential_type": "personal_access_token"}))
	h.Read("creds/jobs")
	exchanges := h.Pm.Count()
	for _, restart := range []bool{false, true} {
		if restart {
			h.Restart()
		}
		resp, err := h.Do(logical.ListOperation, "roles/", nil)
		require.NoError(t, err)
		require.Equal(t, []string{"ci", "jobs"}, resp.Data["keys"])
		require.Equal(t, map[string]any{
			"ci":   map[string]any{"grant_type": "password", "credential_type": "access_token", "renew_mode": "refresh", "username": "alice", "session_state": ""},
			"jobs": map[string]any{"grant_type": "password", "credential_type": "personal_access_token", "renew_mode": "extend", "username": "alice", "session_state": "active"},
		}, resp.Data["key_info"])
	}
	require.Equal(t, exchanges, h.Pm.Count())
}
