//go:build unix

package acceptance

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (a *auditedDays) testUserOnDay(t *testing.T) {
	const heading = "Who had a token of a user on a day"
	onDay := func(user, day string) []map[string]any {
		return a.queries.run(heading, map[string]string{"user": user, "day": day})
	}
	for _, name := range []string{"carol", "dave", "grace"} {
		found := only(t, onDay("alice", a.day(name, 0)), "credential_id", a.read[name].CredentialID)
		assert.Equal(t, a.entity[name], found["entity_id"])
		assert.Equal(t, a.read[name].TokenID, found["token_id"])
		assert.Equal(t, "ci", found["role"])
		assert.Equal(t, "processmaker-"+name, found["who"], "mount and name of the login")
		assert.NotEmpty(t, found["address"])
		assert.Equal(t, name == "dave", found["ended"] == nil, "%s: %v", name, found["ended"])
	}
	assert.Contains(t, column(onDay("alice", a.day("dave", 0)), "role"), "shared")
	byErin := onDay("admin", a.day("erin", 0))
	require.Len(t, byErin, 1)
	assert.Equal(t, a.entity["erin"], byErin[0]["entity_id"])
	assert.NotNil(t, byErin[0]["ended"], "the end of her Vault token ended it")

	// ci's max_ttl is a day: dave's may be alive on the next, those that were
	// ended are not.
	next := column(onDay("alice", a.day("dave", 1)), "credential_id")
	assert.Contains(t, next, a.read["dave"].CredentialID)
	for _, name := range []string{"carol", "grace"} {
		assert.NotContains(t, column(onDay("alice", a.day(name, 2)), "credential_id"), a.read[name].CredentialID)
	}
	assert.Empty(t, onDay("alice", a.day("dave", 3)))
	assert.Empty(t, onDay("alice", a.day("dave", -1)))
	assert.Empty(t, onDay("nobody", a.day("dave", 0)))
}

func (a *auditedDays) testOutlived(t *testing.T) {
	found := a.queries.run("Which credentials outlived their job", nil)
	require.Len(t, found, 1)
	assert.Equal(t, a.read["dave"].CredentialID, found[0]["credential_id"])
	assert.Equal(t, a.entity["dave"], found[0]["entity_id"])
	assert.Equal(t, a.read["dave"].LeaseID, found[0]["lease_id"])
	record := a.get("credentials/" + a.read["dave"].CredentialID)
	assert.Equal(t, record["deadline"].(string)[:16], found[0]["deadline"].(string)[:16], "the minute in the credential_id")
}

func (a *auditedDays) testFailures(t *testing.T) {
	found := a.queries.run("Which reads failed, and why", nil)
	require.Len(t, found, 3)
	forbidden := only(t, found, "entity_id", a.entity["frank"])
	assert.Contains(t, forbidden["why"], "permission denied")
	assert.Equal(t, "processmaker/creds/ci", forbidden["path"])
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
	found := a.queries.run("Whose is a personal access token", map[string]string{"name": names[0]})
	require.Len(t, found, 1)
	assert.Equal(t, a.entity["dave"], found[0]["entity_id"])
	assert.Equal(t, a.read["dave"].LeaseID, found[0]["lease_id"])
	assert.Equal(t, map[string]any{"username": "dave"}, found[0]["metadata"])
	assert.Equal(t, a.entity["dave"], a.get("credentials/" + a.read["dave"].CredentialID)["entity_id"], "Vault's record says the same")
}

// The id of a token that a renewal made, which the log has as an HMAC only, and
// of one that a read made.
func (a *auditedDays) testTokenIDs(t *testing.T) {
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
		found := a.queries.run("Whose is a token id", map[string]string{"id": id, "hash": hash})
		require.Len(t, found, 1, name)
		assert.Equal(t, a.entity[name], found[0]["entity_id"])
		assert.Equal(t, a.read[name].CredentialID, found[0]["credential_id"])
	}
}

func (a *auditedDays) testOneCredential(t *testing.T) {
	for name, want := range map[string][]any{
		"carol": {"processmaker/creds/ci", "sys/leases/revoke/" + a.read["carol"].LeaseID},
		"erin":  {"processmaker/creds/worker", "sys/leases/renew"},
		"grace": {"processmaker/creds/ci", "processmaker/credentials/" + a.read["grace"].CredentialID + "/revoke"},
	} {
		found := a.queries.run("What happened to one credential", map[string]string{"id": a.read[name].CredentialID})
		assert.Equal(t, want, column(found, "path"), name)
	}
}

func (a *auditedDays) testChanges(t *testing.T) {
	found := a.queries.run("Who changed the config or a role", nil)
	assert.Equal(t, []any{"processmaker/config", "processmaker/roles/ci", "processmaker/roles/worker", "processmaker/roles/shared", "processmaker/rotate-role/worker"}, column(found, "path"))
	assert.Equal(t, []any{"create", "create", "create", "create", "update"}, column(found, "operation"))
	assert.Contains(t, found[0]["fields"], "client_secret")
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
