package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

func TestIssueHandsOutALiveTokenAndRecordsIt(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.NoError(t, err)
	h.checkSchema(resp)
	l := h.register("creds/ci", resp)

	require.True(t, h.pm.Accepts(l.token()))
	require.Equal(t, time.Hour, l.secret.TTL)
	require.Equal(t, 24*time.Hour, l.secret.MaxTTL)
	require.True(t, l.secret.Renewable)
	require.Equal(t, credentialSecretType, l.secret.InternalData["secret_type"])
	require.Equal(t, "alice", l.data["username"])
	require.Equal(t, "2", l.data["user_id"])
	require.Equal(t, "3", l.data["client_id"])
	require.Equal(t, "ci", l.data["role"])
	require.Equal(t, "refresh", l.data["renew_mode"])
	expire, err := time.Parse(time.RFC3339, l.data["token_expire_time"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, noon.AddDate(1, 0, 0), expire, time.Second)

	record := h.record(l.id())
	require.Equal(t, noon.Add(24*time.Hour+lease.DeadlineSlack), record.Deadline)
	require.Equal(t, ledger.Bucket(record.Deadline), string(l.id()[:6]))
	require.Equal(t, l.token(), record.AccessToken)
	require.NotEmpty(t, record.RefreshToken)
	require.Equal(t, "entity-1", record.EntityID)
	require.Equal(t, "token-ci", record.DisplayName)
	require.Equal(t, ledger.Fingerprint{URL: h.pm.URL(), ClientID: "3", GrantType: "password", Username: "alice", CredentialType: "access_token"}, record.Fingerprint)

	for _, value := range l.secret.InternalData {
		require.NotEqual(t, record.AccessToken, value)
		require.NotEqual(t, record.RefreshToken, value)
	}
}

// TestCosts holds the numbers of operations: each storage operation is a
// round trip in a cluster, each exchange one over the network.
func TestCosts(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	var l *heldLease
	h.issue(nil)
	h.cost("issue", [4]int64{0, 1, 0, 0}, 1, func() { l = h.issue(nil) })
	h.clock.Advance(time.Minute)
	h.cost("refresh renewal", [4]int64{1, 1, 0, 0}, 1, func() { l.renew() })
	h.cost("renewal without growth", [4]int64{1, 0, 0, 0}, 0, func() { l.renew() })
	h.cost("revoke, token without a name", [4]int64{1, 0, 1, 0}, 2, func() { require.NoError(t, l.tryRevoke()) })
	h.cost("revoke again", [4]int64{1, 0, 0, 0}, 0, func() { require.NoError(t, l.tryRevoke()) })
	l = h.issue(map[string]any{"renew_mode": "extend"})
	h.clock.Advance(time.Minute)
	h.cost("extend renewal", [4]int64{1, 0, 0, 0}, 0, func() { l.renew() })

	old := newReadyHarness(t, nil, func(c *processmakertest.Config) { c.Release = "4.6.0" })
	l = old.issue(nil)
	old.pm.ResetLog()
	require.NoError(t, l.tryRevoke())
	require.Equal(t, 1, old.pm.Count())
}

func TestOverridesOnlyTowardsLessRotation(t *testing.T) {
	t.Parallel()
	modes := []string{"refresh", "extend", "none"}
	for i, roleMode := range modes {
		h := newReadyHarness(t, map[string]any{"renew_mode": roleMode})
		for j, asked := range modes {
			resp, err := h.do(logical.ReadOperation, "creds/ci", map[string]any{"renew_mode": asked})
			require.NoError(t, err)
			if j < i {
				require.ErrorContains(t, resp.Error(), "cannot be asked for")
				continue
			}
			require.Equal(t, asked, resp.Data["renew_mode"])
			require.Equal(t, asked != "none", resp.Secret.Renewable)
			record := h.record(ledger.ID(resp.Data["credential_id"].(string)))
			require.Equal(t, asked == "refresh", record.RefreshToken != "", "a refresh token is kept only where it is used")
			if asked == "none" {
				require.Equal(t, record.IssueTime.Add(record.TTL+lease.DeadlineSlack), record.Deadline)
			}
		}
	}
}

func TestTTLOverride(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"ttl": "10m"})
	l := h.issue(map[string]any{"ttl": "90s"})
	require.Equal(t, 90*time.Second, l.secret.TTL)

	resp, err := h.do(logical.ReadOperation, "creds/ci", map[string]any{"ttl": "2h"})
	require.NoError(t, err)
	require.Equal(t, 10*time.Minute, resp.Secret.TTL)
	require.Len(t, resp.Warnings, 1)

	for _, bad := range []any{"0", "soon", -5, ""} {
		resp, err := h.do(logical.ReadOperation, "creds/ci", map[string]any{"ttl": bad})
		require.NoError(t, err)
		require.True(t, resp.IsError(), "%v", bad)
	}
}

func TestReadsThatCannotWorkSayWhatToDo(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "processmaker/config first")
	h.mustWrite("config", h.configData())
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, `there is no role "ci"`)
	h.mustWrite("roles/ci", h.roleData(nil))
	h.refusedWrite(logical.ReadOperation, "creds/ci", map[string]any{"renew_mdoe": "extend"}, `unknown field "renew_mdoe"`)
	h.refusedWrite(logical.ReadOperation, "creds/ci", map[string]any{"renew_mode": "never"}, "refresh, extend, none")
}

func TestAFailedWriteEndsTheToken(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.storage.failPuts(anyKey)
	_, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.ErrorIs(t, err, errDiskFull)
	require.Equal(t, 1, h.pm.Count(processmakertest.PasswordGrant))
	require.Empty(t, h.liveIDs())
}

func TestAReaderWhoGoesAwayLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(h *harness, leave func()){
		"during the login": func(h *harness, leave func()) {
			h.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
				leave()
				return status, body
			})})
		},
		"during the write": func(h *harness, leave func()) {
			h.storage.beforePut(func(string) { leave() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			arrange(h, cancel)
			_, err := h.request(ctx, logical.ReadOperation, "creds/ci", nil)
			require.Error(t, err)
			require.Equal(t, 1, h.pm.Count(processmakertest.PasswordGrant), "the login was made")
			require.Equal(t, name == "during the write", h.storage.puts.Load() > 0, "what nobody waits for is not stored")
			require.Empty(t, h.liveIDs())
			require.Empty(t, h.recordedIDs())
		})
	}
}

func TestACancelledRequestIsNotSent(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := h.request(ctx, logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Zero(t, h.pm.Count())
}

func TestParallelReads(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
			if status(resp, err) != 200 || !h.pm.Accepts(resp.Data["access_token"].(string)) {
				t.Errorf("%s", message(resp, err))
			}
		})
	}
	wg.Wait()
	require.ElementsMatch(t, h.liveIDs(), h.recordedIDs())
	require.Len(t, h.liveIDs(), 100)
}

func TestTheConfigGoesAwayDuringALogin(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		_, err := h.do(logical.DeleteOperation, "config", nil)
		require.NoError(t, err)
		return status, body
	})})
	_, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.ErrorContains(t, err, "config was taken away")
	require.Empty(t, h.liveIDs())
	require.Empty(t, h.recordedIDs())
}
