package hostile

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/session"

	"vault-plugin-secrets-processmaker/engine/role"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// HostileNames puts everything in place of the name in every path.
func HostileNames(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	a := NewAttack(t, mount)
	names := []string{"a..b", "..", "../config", "ci/../config", "a.", "-a", "%2e%2e", "a b", "a\x00b", "a\xffb", "a\u202eb", "a\r\nb", "{{a}}", "*", "", "/", "ci/", strings.Repeat("n", 1<<20), strings.Repeat("n", 1000), strings.Repeat("0", 22), strings.Repeat("v", 22)}
	for _, path := range a.Backend.Framework().Paths {
		for operation := range path.Operations {
			if !captureGroup.MatchString(path.Pattern) {
				continue
			}
			for _, name := range names {
				address := fillCaptures(strings.TrimSuffix(strings.Trim(path.Pattern, "^$"), "/?"), nil, name)
				what := fmt.Sprintf("%s %.80q", operation, address)
				if a.Backend.Route(address) != path {
					_, err := a.Backend.HandleRequest(context.Background(), &logical.Request{Operation: operation, Path: address, Storage: a.Storage})
					require.NotErrorIs(t, err, telemetry.ErrPanicked, what)
					a.restore()
					continue
				}
				code, text := a.Try(what, operation, address, a.Wanted(operation, address))
				require.NotContains(t, text, "relative paths", what)
				if code == 200 && len(name) > 500 {
					require.NotEqual(t, logical.CreateOperation, operation, what)
				}
			}
		}
	}
}

// What Vault's storage refuses is refused as the caller's mistake.
func NamesThatLeadUpAreRefused(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	_, _, err := h.Backend.HandleExistenceCheck(context.Background(), &logical.Request{Operation: logical.UpdateOperation, Path: "roles/a..b", Storage: h.Storage})
	require.ErrorContains(t, err, `".."`)
	for _, path := range []string{"roles/a..b", "creds/a..b", "sessions/a..b", "static-creds/a..b", "status/a..b"} {
		h.RefusedWrite(logical.ReadOperation, path, nil, `".."`)
	}
}

// OddNamesLiveBesideEachOther: no role touches what another has.
func OddNamesLiveBesideEachOther(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.New(t, mount)
	h.MustWrite("config", h.ConfigData())
	names := []string{"a", "a.b", "a-b", "A", "_", "revoke", strings.Repeat("n", role.LongestName), strings.Repeat("n", role.LongestName-1)}
	ids := map[string]ledger.ID{}
	for _, name := range names {
		h.MustWrite("roles/"+name, h.RoleData(map[string]any{"credential_type": "personal_access_token", "rotation_period": "1h"}))
		resp, err := h.Do(logical.ReadOperation, "creds/"+name, nil)
		require.NoError(t, err)
		require.False(t, resp.IsError(), "%v", resp)
		ids[name] = ledger.ID(resp.Data["credential_id"].(string))
		require.NotEmpty(t, h.Read("static-creds/" + name)["access_token"])
	}
	for _, list := range []string{"roles/", "sessions/"} {
		listed, err := h.Do(logical.ListOperation, list, nil)
		require.NoError(t, err)
		require.ElementsMatch(t, names, listed.Data["keys"])
	}
	for i, name := range names {
		before := h.Snapshot()
		_, err := h.Do(logical.DeleteOperation, "roles/"+name, nil)
		require.NoError(t, err)
		after := h.Snapshot()
		for key := range before {
			if _, kept := after[key]; !kept && !strings.HasPrefix(key, ledger.Prefix) {
				require.Contains(t, []string{role.Prefix + name, session.Prefix + name, credential.Prefix + name}, key)
			}
		}
		for _, other := range names[i+1:] {
			require.Equal(t, other, h.Read("status/" + other)["role"])
			require.Equal(t, "active", h.Read("sessions/" + other)["state"])
			require.Equal(t, other, h.Read("credentials/" + string(ids[other]))["role"])
			require.NotEmpty(t, h.Read("static-creds/" + other)["access_token"])
		}
	}
	h.RefusedWrite(logical.CreateOperation, "roles/"+strings.Repeat("n", role.LongestName+1), h.RoleData(nil), "characters")
}
