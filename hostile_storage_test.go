package main

import (
	"context"
	"strings"
	"testing"
	"time"

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
		"bytes":            "\x00\xff" + canary,
		"list":             `["` + canary + `"]`,
		"text":             `"` + canary + `"`,
		"number":           "1e400",
		"texts are lists":  strings.ReplaceAll(whole, `":"`, `":["`+canary+`"],"x":"`),
		"texts are nulls":  strings.ReplaceAll(whole, `":"`, `":null,"x":"`),
		"version is text":  strings.Replace(whole, `"version":1`, `"version":"1"`, 1),
		"version is below": strings.Replace(whole, `"version":1`, `"version":-1`, 1),
		"newer":            strings.Replace(whole, `"version":1`, `"version":2`, 1),
		"newer and other":  `{"version":99,"url":{"host":"` + canary + `"},"role":[1],"record":"x"}`,
		"of another kind":  `{"version":1,"role":"ci","caller":"x","expire_time":"2026-03-01T00:00:00Z"}`,
	}
}

// TestDamagedEntries damages everything that is stored in every way: no handler
// panics or tells what it read, and the way out that the error names works.
func TestDamagedEntries(t *testing.T) {
	t.Parallel()
	a := newAttack(t)
	for key, way := range map[string]struct {
		read, says string
		out        func()
	}{
		instance.Key: {"config", "write config again", func() { a.mustWrite("config", a.configData()) }},
		role.Prefix + "ci": {"roles/ci", "write the role again", func() {
			_, err := a.do(logical.DeleteOperation, "roles/ci", nil)
			require.NoError(t, err)
			a.mustWrite("roles/ci", a.roleData(nil))
		}},
		role.Prefix + "personal": {"creds/personal", "write the role again", func() {
			a.mustWrite("roles/personal", a.roleData(map[string]any{"credential_type": "personal_access_token"}))
		}},
		session.Prefix + "personal": {"creds/personal", "delete sessions/personal", func() {
			_, err := a.do(logical.DeleteOperation, "sessions/personal", nil)
			require.NoError(t, err)
		}},
		credential.Prefix + "ci": {"static-creds/ci", "", nil},
	} {
		for name, value := range damages(a.stored[key]) {
			what := key + " " + name
			a.damage(key, value)
			resp, err := a.do(logical.ReadOperation, way.read, nil)
			if way.out == nil {
				require.NoError(t, err, what)
			} else {
				require.ErrorContains(t, err, way.says, what)
				require.NotContains(t, message(resp, err), canary, what)
			}
			for _, path := range a.backend.Framework().Paths {
				for operation := range path.Operations {
					address := a.pathsOf(path.Pattern, "ci")[0]
					resp, err := a.do(operation, address, a.wanted(operation, address))
					require.NotErrorIs(t, err, telemetry.ErrPanicked, "%s: %s %s", what, operation, address)
					require.NotContains(t, message(resp, err), canary, what)
					a.restore()
					a.damage(key, value)
				}
			}
			if way.out != nil {
				way.out()
				_, err := a.do(logical.ReadOperation, way.read, nil)
				require.NoError(t, err, what)
			}
			a.restore()
			a.forgetAll()

		}
	}
	require.NotContains(t, a.log.String(), canary)
	require.NotContains(t, a.log.String(), "recovered from a panic")
}

// TestDamagedRecords: a record that cannot be read is not taken for one that is
// over, and the ledger goes on with the others.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	good := h.issue(nil)
	key := ledger.Prefix + string(good.id()[:6]) + "/" + string(good.id()[6:])
	for name, value := range damages(h.snapshot()[key]) {
		l := h.issue(nil)
		bad := ledger.Prefix + string(l.id()[:6]) + "/" + string(l.id()[6:])
		h.damage(bad, value)
		_, err := l.tryRenew(context.Background())
		require.ErrorContains(t, err, string(l.id()), name)
		require.ErrorContains(t, l.tryRevoke(), string(l.id()), name)
		for path, operation := range map[string]logical.Operation{"credentials/" + string(l.id()): logical.ReadOperation, "credentials/" + string(l.id()) + "/revoke": logical.UpdateOperation} {
			resp, err := h.do(operation, path, nil)
			require.ErrorContains(t, err, string(l.id()), name)
			require.NotContains(t, message(resp, err), canary)
		}
		require.True(t, h.pm.Accepts(l.token()))
	}
	others := h.issue(nil)
	h.clock.Advance(2 * time.Hour)
	h.tick()
	require.False(t, h.pm.Accepts(good.token()))
	require.False(t, h.pm.Accepts(others.token()))
	require.Equal(t, len(damages(`{"version":1}`)), h.read("status")["overdue"], "what cannot be read stays, and shows")
	require.NotContains(t, h.log.String(), canary)
	require.NotContains(t, h.log.String(), "recovered from a panic")
}

func TestDamagedCursorsAndSignIns(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	for name, value := range map[string]string{
		"empty": "", "null": "null", "list": "[]", "newer": `{"version":2,"next":"0s5f3g"}`,
		"way up": `{"version":1,"next":"zzzzzz","left":["../../config"]}`, "left": `{"version":1,"next":"0s5f3g","left":["../../config",""]}`,
		"ages ago": `{"version":1,"next":"000000"}`, "no minute": `{"version":1,"next":"x"}`, "number": `{"version":1,"next":1}`,
	} {
		l := h.issue(nil)
		h.clock.Advance(2 * time.Hour)
		h.damage(ledger.CursorKey, value)
		h.damage(session.SignInPrefix+"x", value)
		h.backend.Engine().Reaper = reaper.New(h.backend.Engine().Tokens, h.backend.Engine().Sessions, h.backend.Engine().Credentials)
		h.storage.reset()
		h.tick()
		require.False(t, h.pm.Accepts(l.token()), name)
		require.Less(t, h.storage.counts()[3], int64(1000), name)
		require.NotContains(t, h.snapshot(), session.SignInPrefix+"x", name)
	}
	require.NotContains(t, h.log.String(), "recovered from a panic")
}
