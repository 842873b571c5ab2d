package upgrade

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/credential"

	"vault-plugin-secrets-processmaker/engine/session"

	"vault-plugin-secrets-processmaker/engine/role"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

// rewriteKept, when set in the environment, makes TestTheStoredFormIsKept write
// the files of the present version anew.
const rewriteKept = "UPDATE_UPGRADE_FILES"

// The form in which entries and leases are stored changes only on purpose: with
// a version of its own and with files that later releases have to read.
func TheStoredFormIsKept(t *testing.T, mount mounttest.Maker, version string) {
	t.Parallel()
	changelog := mounttest.TextOf(t, "CHANGELOG.md")
	released := strings.Contains(changelog, "\n## "+strings.TrimPrefix(version, "v")+"\n")
	now := keep(t, mount)
	if os.Getenv(rewriteKept) != "" {
		require.False(t, released, "%s is released: what it has stored stays as it is; give version.go the next version", version)
		writeKept(t, version, now)
	}
	require.DirExists(t, upgradeFolder+"/"+version, "a new version: run `%s=1 go test -run %s .`", rewriteKept, t.Name())
	kept := readKept(t, version)
	require.Equal(t, sortedNames(kept), sortedNames(now), "other entries are stored; if that is meant, run `%s=1 go test -run %s .`", rewriteKept, t.Name())
	for _, name := range sortedNames(kept) {
		require.Equal(t, kept[name], now[name], "%s is stored in another form; if that is meant, run `%s=1 go test -run %s .`", name, rewriteKept, t.Name())
	}
	for line := range strings.Lines(changelog) {
		if past, ok := strings.CutPrefix(line, "## "); ok && past != "Unreleased\n" {
			require.DirExists(t, upgradeFolder+"/v"+strings.Fields(past)[0], "what a release has stored is kept for good")
		}
	}
}

// What earlier releases have stored works as if this one had stored it.
func EntriesOfEarlierReleases(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	releases, err := os.ReadDir(upgradeFolder)
	require.NoError(t, err)
	require.NotEmpty(t, releases)
	for _, release := range releases {
		t.Run(release.Name(), func(t *testing.T) {
			t.Parallel()
			h := newUpgradeHarness(t, mount)
			files := readKept(t, release.Name())
			facts, leases := restore(h, files)
			requireSettingsWork(h, files)
			requireOpenChangesWork(h)
			requireSignInWorks(h, facts)
			requireLeasesWork(h, leases)
			requireLedgerWorks(h)
			requireSessionsWork(h)
		})
	}
}

func requireSettingsWork(h *mounttest.Mount, files map[string]string) {
	h.T.Helper()
	config := h.Read("config")
	require.Equal(h.T, h.Pm.URL(), config["url"])
	require.Equal(h.T, true, config["client_secret_set"])
	roles, sessions := 0, 0
	for file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, storageSection), ".json")
		if role, ok := strings.CutPrefix(name, role.Prefix); ok {
			roles++
			read := h.Read("roles/" + role)
			require.NotNil(h.T, read, role)
			require.True(h.T, read["password_set"] == true || read["client_secret_set"] == true, role)
		}
		if role, ok := strings.CutPrefix(name, session.Prefix); ok {
			sessions++
			require.Equal(h.T, "active", h.Read("sessions/" + role)["state"], role)
		}
		if role, ok := strings.CutPrefix(name, credential.Prefix); ok {
			h.Pm.ResetLog()
			read := h.Read("static-creds/" + role)
			require.True(h.T, h.Pm.Accepts(read["access_token"].(string)), role)
			require.Zero(h.T, h.Pm.Count(processmakertest.AnyToken, processmakertest.CreateToken), "%s: another credential than the stored one", role)
		}
	}
	require.GreaterOrEqual(h.T, roles, 10)
	require.GreaterOrEqual(h.T, sessions, 3)
}

// requireOpenChangesWork completes the changes of passwords that were cut off.
func requireOpenChangesWork(h *mounttest.Mount) {
	h.T.Helper()
	if len(h.OpenChanges()) == 0 {
		return // of a release before there were any
	}
	h.MustWrite("rotate-role/changing", nil)
	require.Empty(h.T, h.OpenChanges())
	require.Equal(h.T, h.Pm.User("erin").Password, h.StoredPassword("changing"))
}

// requireSignInWorks completes the sign-in that was begun before the upgrade.
func requireSignInWorks(h *mounttest.Mount, facts keptFacts) {
	h.T.Helper()
	back, err := h.Pm.SignIn(&http.Client{}, facts.SignIn.URL, "alice", upgradePass)
	require.NoError(h.T, err)
	resp, err := h.Do(logical.UpdateOperation, "sessions/people", map[string]any{"state": facts.SignIn.State, "code": back.Query().Get("code")})
	require.Equal(h.T, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
}

func requireLeasesWork(h *mounttest.Mount, leases map[string]*mounttest.Lease) {
	h.T.Helper()
	h.Clock.Advance(time.Minute)
	for _, name := range sortedNames(leases) {
		l := leases[name]
		before := l.Token()
		require.True(h.T, h.Pm.Accepts(before), name)
		if l.Secret.Renewable {
			l.Renew()
			require.True(h.T, h.Pm.Accepts(l.Token()), name)
			refreshes := l.Secret.InternalData["renew_mode"] == string(lease.Refresh)
			require.Equal(h.T, refreshes, before != l.Token(), name)
		}
		require.NoError(h.T, l.TryRevoke(), name)
		require.False(h.T, h.Pm.Accepts(l.Token()), name)
		require.Nil(h.T, h.Record(l.Id()), name)
	}
}

// requireLedgerWorks lets everything end that is in the ledger, at its time and
// not before.
func requireLedgerWorks(h *mounttest.Mount) {
	h.T.Helper()
	due := 0
	for _, id := range h.RecordIDs() {
		if h.Record(id).State == ledger.Due {
			due++
		}
	}
	require.Equal(h.T, 1, due)
	h.Tick()
	for _, id := range h.RecordIDs() {
		record := h.Record(id)
		require.Equal(h.T, ledger.Live, record.State)
		require.True(h.T, record.Shared)
	}
	h.Clock.Advance(3 * time.Hour)
	h.Tick()
	require.Empty(h.T, h.RecordIDs())
}

// requireSessionsWork lets the sessions grow old, when they are refreshed, and
// ends them with their roles.
func requireSessionsWork(h *mounttest.Mount) {
	h.T.Helper()
	sessions, err := h.Storage.List(context.Background(), session.Prefix)
	require.NoError(h.T, err)
	h.Clock.Advance(300 * 24 * time.Hour)
	h.Pm.ResetLog()
	h.Tick()
	require.Equal(h.T, len(sessions), h.Pm.Count(processmakertest.RefreshGrant))
	require.Zero(h.T, h.Pm.Count(processmakertest.PasswordGrant))
	names, err := h.Storage.List(context.Background(), role.Prefix)
	require.NoError(h.T, err)
	for _, name := range names {
		resp, err := h.Do(logical.DeleteOperation, "roles/"+name, nil)
		require.Equal(h.T, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	}
	require.Empty(h.T, h.LiveIDs())
}
