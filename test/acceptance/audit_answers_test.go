//go:build unix

package acceptance

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (a *auditedDays) testFailures(t *testing.T) {
	failed := func(name string) []map[string]any {
		return a.queries.run("Find the failed reads of a person", map[string]string{"entity": a.entity[name]})
	}
	forbidden := failed("frank")
	require.Len(t, forbidden, 1)
	assert.Contains(t, forbidden[0]["why"], "permission denied")
	assert.Equal(t, "processmaker/creds/ci", forbidden[0]["path"])
	found := failed("dave")
	require.Len(t, found, 2)
	assert.Contains(t, only(t, found, "path", "processmaker/creds/no-such-role")["why"], "there is no role")
	assert.Contains(t, only(t, found, "path", "processmaker/creds/worker")["why"], "ProcessMaker")
}

// From a name that stands in ProcessMaker's own list to the one who read it.
func (a *auditedDays) testNames(t *testing.T) {
	var names []string
	for _, token := range a.livePersonalTokens() {
		if strings.Contains(token.Name, ":ci:") {
			names = append(names, token.Name)
		}
	}
	require.Len(t, names, 1, "dave's alone lives")
	found := a.queries.run("Find the reader of a personal access token", map[string]string{"name": names[0]})
	require.Len(t, found, 1)
	assert.Equal(t, a.entity["dave"], found[0]["entity_id"])
	assert.Equal(t, a.read["dave"].LeaseID, found[0]["lease_id"])
	assert.Equal(t, map[string]any{"username": "dave"}, found[0]["metadata"])
	assert.Equal(t, a.entity["dave"], a.get("credentials/" + a.read["dave"].CredentialID)["entity_id"], "Vault's record says the same")
}

// The id of a token that a renewal made, which the log has as an HMAC only, and
// of one that a read made.
func (a *auditedDays) testTokenIDs(t *testing.T) {
	program := auditProgram(t)
	for _, name := range []string{"dave", "erin"} {
		id := a.read[name].TokenID
		hash := ""
		blocks, _ := docBlocks(t, "docs/audit.md")
		for _, block := range blocks {
			if block.file == "hash" {
				hash = a.shell(regexp.MustCompile(`input=\S+`).ReplaceAllString(block.text, "input="+id))
			}
		}
		require.True(t, strings.HasPrefix(hash, "hmac-sha256:"), hash)
		out, err := exec.Command(program, "who", "-json", "-token", id, "-token", hash, a.server.AuditPath).Output()
		require.NoError(t, err)
		var found map[string]any
		require.NoError(t, json.Unmarshal(out, &found), "one row: %s", out)
		assert.Equal(t, a.entity[name], found["entity_id"])
		assert.Equal(t, a.read[name].CredentialID, found["credential_id"])
	}
}

// What the page says to show in clear exists, and is not a secret.
func TestAuditTuneShowsNoSecret(t *testing.T) {
	t.Parallel()
	published := repositoryText(t, openAPIFile)
	blocks, _ := docBlocks(t, "docs/audit.md")
	for _, block := range blocks {
		if block.file != "tune" {
			continue
		}
		shown := regexp.MustCompile(`-audit-non-hmac-(?:request|response)-keys=(\S+)`).FindAllStringSubmatch(block.text, -1)
		require.NotEmpty(t, shown)
		for _, field := range shown {
			assert.NotContains(t, field[1], ",", "Vault does not split lists")
			if field[1] != "error" {
				assert.Contains(t, published, fmt.Sprintf("%q: {", field[1]))
			}
			assert.NotContains(t, []string{
				"access_token", "refresh_token", "client_secret", "password", "client_key", "proxy_url", "code", "state", "authorization_url",
			}, field[1])
		}
	}
}

// What the page says of Vault: no list at commas, and no tuning of sys/.
func TestAuditTuneOfVault(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	_, err := m.client.Logical().Write("sys/mounts/sys/tune", fields{"audit_non_hmac_response_keys": []string{"credential_id"}})
	requireStatus(t, err, 400, `cannot tune "sys/"`)
	_ = m.shell("vault secrets tune -audit-non-hmac-response-keys=role,username " + m.path + "/")
	mounts, err := m.client.Sys().MountConfig(m.path)
	require.NoError(t, err)
	assert.Equal(t, []string{"role,username"}, mounts.AuditNonHMACResponseKeys)
}
