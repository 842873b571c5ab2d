package main

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

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
func TestTheStoredFormIsKept(t *testing.T) {
	t.Parallel()
	changelog := textOf(t, "CHANGELOG.md")
	released := strings.Contains(changelog, "\n## "+strings.TrimPrefix(version, "v")+"\n")
	now := keep(t)
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
func TestEntriesOfEarlierReleases(t *testing.T) {
	t.Parallel()
	releases, err := os.ReadDir(upgradeFolder)
	require.NoError(t, err)
	require.NotEmpty(t, releases)
	for _, release := range releases {
		t.Run(release.Name(), func(t *testing.T) {
			t.Parallel()
			h := newUpgradeHarness(t)
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

func requireSettingsWork(h *harness, files map[string]string) {
	h.t.Helper()
	config := h.read("config")
	require.Equal(h.t, h.pm.URL(), config["url"])
	require.Equal(h.t, true, config["client_secret_set"])
	roles, sessions := 0, 0
	for file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, storageSection), ".json")
		if role, ok := strings.CutPrefix(name, role.Prefix); ok {
			roles++
			read := h.read("roles/" + role)
			require.NotNil(h.t, read, role)
			require.True(h.t, read["password_set"] == true || read["client_secret_set"] == true, role)
		}
		if role, ok := strings.CutPrefix(name, session.Prefix); ok {
			sessions++
			require.Equal(h.t, "active", h.read("sessions/" + role)["state"], role)
		}
		if role, ok := strings.CutPrefix(name, credential.Prefix); ok {
			h.pm.ResetLog()
			read := h.read("static-creds/" + role)
			require.True(h.t, h.pm.Accepts(read["access_token"].(string)), role)
			require.Zero(h.t, h.pm.Count(processmakertest.AnyToken, processmakertest.CreateToken), "%s: another credential than the stored one", role)
		}
	}
	require.GreaterOrEqual(h.t, roles, 10)
	require.GreaterOrEqual(h.t, sessions, 3)
}

// requireOpenChangesWork completes the changes of passwords that were cut off.
func requireOpenChangesWork(h *harness) {
	h.t.Helper()
	if len(h.openChanges()) == 0 {
		return // of a release before there were any
	}
	h.mustWrite("rotate-role/changing", nil)
	require.Empty(h.t, h.openChanges())
	require.Equal(h.t, h.pm.User("erin").Password, h.storedPassword("changing"))
}

// requireSignInWorks completes the sign-in that was begun before the upgrade.
func requireSignInWorks(h *harness, facts keptFacts) {
	h.t.Helper()
	back, err := h.pm.SignIn(&http.Client{}, facts.SignIn.URL, "alice", upgradePass)
	require.NoError(h.t, err)
	resp, err := h.do(logical.UpdateOperation, "sessions/people", map[string]any{"state": facts.SignIn.State, "code": back.Query().Get("code")})
	require.Equal(h.t, 200, status(resp, err), message(resp, err))
}

func requireLeasesWork(h *harness, leases map[string]*heldLease) {
	h.t.Helper()
	h.clock.Advance(time.Minute)
	for _, name := range sortedNames(leases) {
		l := leases[name]
		before := l.token()
		require.True(h.t, h.pm.Accepts(before), name)
		if l.secret.Renewable {
			l.renew()
			require.True(h.t, h.pm.Accepts(l.token()), name)
			refreshes := l.data["renew_mode"] == string(lease.Refresh)
			require.Equal(h.t, refreshes, before != l.token(), name)
		}
		require.NoError(h.t, l.tryRevoke(), name)
		require.False(h.t, h.pm.Accepts(l.token()), name)
		require.Nil(h.t, h.record(l.id()), name)
	}
}

// requireLedgerWorks lets everything end that is in the ledger, at its time and
// not before.
func requireLedgerWorks(h *harness) {
	h.t.Helper()
	due := 0
	for _, id := range h.recordIDs() {
		if h.record(id).State == ledger.Due {
			due++
		}
	}
	require.Equal(h.t, 1, due)
	h.tick()
	for _, id := range h.recordIDs() {
		record := h.record(id)
		require.Equal(h.t, ledger.Live, record.State)
		require.True(h.t, record.Shared)
	}
	h.clock.Advance(3 * time.Hour)
	h.tick()
	require.Empty(h.t, h.recordIDs())
}

// requireSessionsWork lets the sessions grow old, when they are refreshed, and
// ends them with their roles.
func requireSessionsWork(h *harness) {
	h.t.Helper()
	sessions, err := h.storage.List(context.Background(), session.Prefix)
	require.NoError(h.t, err)
	h.clock.Advance(300 * 24 * time.Hour)
	h.pm.ResetLog()
	h.tick()
	require.Equal(h.t, len(sessions), h.pm.Count(processmakertest.RefreshGrant))
	require.Zero(h.t, h.pm.Count(processmakertest.PasswordGrant))
	names, err := h.storage.List(context.Background(), role.Prefix)
	require.NoError(h.t, err)
	for _, name := range names {
		resp, err := h.do(logical.DeleteOperation, "roles/"+name, nil)
		require.Equal(h.t, 200, status(resp, err), message(resp, err))
	}
	require.Empty(h.t, h.liveIDs())
}
