package hostile

import (
	"context"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/reaper"

	"vault-plugin-secrets-processmaker/engine/credential"

	"vault-plugin-secrets-processmaker/engine/session"

	"vault-plugin-secrets-processmaker/engine/role"

	"vault-plugin-secrets-processmaker/engine/instance"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// damages are what can have become of a stored entry.
func damages(whole string) map[string]string {
	return map[string]string{
		"empty":            "",
		"null":             "null",
		"no fields":        "{}",
		"only a version":   `{"version":1}`,
		"cut short":        whole[:len(whole)/2],
		"bytes":            "\x00\xff" + mounttest.Canary,
		"list":             `["` + mounttest.Canary + `"]`,
		"text":             `"` + mounttest.Canary + `"`,
		"number":           "1e400",
		"texts are lists":  strings.ReplaceAll(whole, `":"`, `":["`+mounttest.Canary+`"],"x":"`),
		"texts are nulls":  strings.ReplaceAll(whole, `":"`, `":null,"x":"`),
		"version is text":  strings.Replace(whole, `"version":1`, `"version":"1"`, 1),
		"version is below": strings.Replace(whole, `"version":1`, `"version":-1`, 1),
		"newer":            strings.Replace(whole, `"version":1`, `"version":2`, 1),
		"newer and other":  `{"version":99,"url":{"host":"` + mounttest.Canary + `"},"role":[1],"record":"x"}`,
		"of another kind":  `{"version":1,"role":"ci","caller":"x","expire_time":"2026-03-01T00:00:00Z"}`,
	}
}

// DamagedEntries damages everything that is stored in every way: no handler
// panics or tells what it read, and the way out that the error names works.
func DamagedEntries(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	a := NewAttack(t, mount)
	for key, way := range map[string]struct {
		read, says string
		out        func()
	}{
		instance.Key: {"config", "vault write processmaker/config", func() { a.MustWrite("config", a.ConfigData()) }},
		role.Prefix + "ci": {"roles/ci", "vault write processmaker/roles/ci", func() {
			_, err := a.Do(logical.DeleteOperation, "roles/ci", nil)
			require.NoError(t, err)
			a.MustWrite("roles/ci", a.RoleData(nil))
		}},
		role.Prefix + "personal": {"creds/personal", "vault write processmaker/roles/personal", func() {
			a.MustWrite("roles/personal", a.RoleData(map[string]any{"credential_type": "personal_access_token"}))
		}},
		session.Prefix + "personal": {"creds/personal", "vault delete processmaker/sessions/personal", func() {
			_, err := a.Do(logical.DeleteOperation, "sessions/personal", nil)
			require.NoError(t, err)
		}},
		credential.Prefix + "ci": {"static-creds/ci", "", nil},
	} {
		for name, value := range damages(a.stored[key]) {
			what := key + " " + name
			a.Damage(key, value)
			resp, err := a.Do(logical.ReadOperation, way.read, nil)
			if way.out == nil {
				require.NoError(t, err, what)
			} else {
				require.ErrorContains(t, err, way.says, what)
				require.NotContains(t, mounttest.Message(resp, err), mounttest.Canary, what)
			}
			for _, path := range a.Backend.Framework().Paths {
				for operation := range path.Operations {
					address := a.PathsOf(path.Pattern, "ci")[0]
					resp, err := a.Do(operation, address, a.Wanted(operation, address))
					require.NotErrorIs(t, err, telemetry.ErrPanicked, "%s: %s %s", what, operation, address)
					require.NotContains(t, mounttest.Message(resp, err), mounttest.Canary, what)
					a.restore()
					a.Damage(key, value)
				}
			}
			if way.out != nil {
				way.out()
				_, err := a.Do(logical.ReadOperation, way.read, nil)
				require.NoError(t, err, what)
			}
			a.restore()
			a.ForgetAll()

		}
	}
	require.NotContains(t, a.Log.String(), mounttest.Canary)
	require.NotContains(t, a.Log.String(), "recovered from a panic")
}

// DamagedRecords: a record that cannot be read is not taken for one that is
// over, and the ledger goes on with the others.
func DamagedRecords(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	good := h.Issue(nil)
	key := ledger.Prefix + string(good.Id()[:6]) + "/" + string(good.Id()[6:])
	for name, value := range damages(h.Snapshot()[key]) {
		l := h.Issue(nil)
		bad := ledger.Prefix + string(l.Id()[:6]) + "/" + string(l.Id()[6:])
		h.Damage(bad, value)
		_, err := l.TryRenew(context.Background())
		require.ErrorContains(t, err, string(l.Id()), name)
		blind := *l // its lease does not hold the token either
		blind.Data = map[string]any{"credential_id": string(l.Id())}
		require.ErrorContains(t, blind.TryRevoke(), string(l.Id()), name)
		for path, operation := range map[string]logical.Operation{"credentials/" + string(l.Id()): logical.ReadOperation, "credentials/" + string(l.Id()) + "/revoke": logical.UpdateOperation} {
			resp, err := h.Do(operation, path, nil)
			require.ErrorContains(t, err, string(l.Id()), name)
			require.NotContains(t, mounttest.Message(resp, err), mounttest.Canary)
		}
		require.True(t, h.Pm.Accepts(l.Token()))
	}
	others := h.Issue(nil)
	h.Clock.Advance(2 * time.Hour)
	h.Tick()
	require.False(t, h.Pm.Accepts(good.Token()))
	require.False(t, h.Pm.Accepts(others.Token()))
	require.Equal(t, len(damages(`{"version":1}`)), h.Read("status")["overdue"], "what cannot be read stays, and shows")
	require.NotContains(t, h.Log.String(), mounttest.Canary)
	require.NotContains(t, h.Log.String(), "recovered from a panic")
}

func DamagedCursorsAndSignIns(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	for name, value := range map[string]string{
		"empty": "", "null": "null", "list": "[]", "newer": `{"version":2,"next":"0s5f3g"}`,
		"way up": `{"version":1,"next":"zzzzzz","left":["../../config"]}`, "left": `{"version":1,"next":"0s5f3g","left":["../../config",""]}`,
		"ages ago": `{"version":1,"next":"000000"}`, "no minute": `{"version":1,"next":"x"}`, "number": `{"version":1,"next":1}`,
	} {
		l := h.Issue(nil)
		h.Clock.Advance(2 * time.Hour)
		h.Damage(ledger.CursorKey, value)
		h.Damage(session.SignInPrefix+"x", value)
		h.Backend.Engine().Reaper = reaper.New(h.Backend.Engine().Tokens, h.Backend.Engine().Sessions, h.Backend.Engine().Credentials)
		h.Storage.Reset()
		h.Tick()
		require.False(t, h.Pm.Accepts(l.Token()), name)
		require.Less(t, h.Storage.Counts()[3], int64(1000), name)
		require.NotContains(t, h.Snapshot(), session.SignInPrefix+"x", name)
	}
	require.NotContains(t, h.Log.String(), "recovered from a panic")
}
