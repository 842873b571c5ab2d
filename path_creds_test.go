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
	"vault-plugin-secrets-processmaker/test/mounttest"
)

func TestIssueHandsOutALiveTokenAndRecordsIt(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.NoError(t, err)
	h.CheckSchema(resp)
	l := h.Register("creds/ci", resp)

	require.True(t, h.Pm.Accepts(l.Token()))
	require.Equal(t, time.Hour, l.Secret.TTL)
	require.Equal(t, 24*time.Hour, l.Secret.MaxTTL)
	require.True(t, l.Secret.Renewable)
	require.Equal(t, credentialSecretType, l.Secret.InternalData["secret_type"])
	require.Equal(t, "alice", l.Data["username"])
	require.Equal(t, "2", l.Data["user_id"])
	require.Equal(t, "3", l.Data["client_id"])
	require.Equal(t, "ci", l.Data["role"])
	require.Equal(t, "refresh", l.Data["renew_mode"])
	expire, err := time.Parse(time.RFC3339, l.Data["token_expire_time"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, mounttest.Noon.AddDate(1, 0, 0), expire, time.Second)

	record := h.Record(l.Id())
	require.Equal(t, mounttest.Noon.Add(24*time.Hour+lease.DeadlineSlack), record.Deadline)
	require.Equal(t, ledger.Bucket(record.Deadline), string(l.Id()[:6]))
	require.Equal(t, l.Token(), record.AccessToken)
	require.NotEmpty(t, record.RefreshToken)
	require.Equal(t, "entity-1", record.EntityID)
	require.Equal(t, "token-ci", record.DisplayName)
	require.Equal(t, ledger.Fingerprint{URL: h.Pm.URL(), ClientID: "3", GrantType: "password", Username: "alice", CredentialType: "access_token"}, record.Fingerprint)

	for _, value := range l.Secret.InternalData {
		require.NotEqual(t, record.AccessToken, value)
		require.NotEqual(t, record.RefreshToken, value)
	}
}

// TestCosts holds the numbers of operations: each storage operation is a
// round trip in a cluster, each exchange one over the network.
func TestCosts(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	var l *mounttest.Lease
	h.Issue(nil)
	h.Cost("issue", [4]int64{0, 1, 0, 0}, 1, func() { l = h.Issue(nil) })
	h.Clock.Advance(time.Minute)
	h.Cost("refresh renewal", [4]int64{1, 1, 0, 0}, 1, func() { l.Renew() })
	h.Cost("renewal without growth", [4]int64{1, 0, 0, 0}, 0, func() { l.Renew() })
	h.Cost("revoke, token without a name", [4]int64{1, 0, 1, 0}, 2, func() { require.NoError(t, l.TryRevoke()) })
	h.Cost("revoke again", [4]int64{1, 0, 0, 0}, 0, func() { require.NoError(t, l.TryRevoke()) })
	l = h.Issue(map[string]any{"renew_mode": "extend"})
	h.Clock.Advance(time.Minute)
	h.Cost("extend renewal", [4]int64{1, 0, 0, 0}, 0, func() { l.Renew() })

	old := newReadyHarness(t, nil, func(c *processmakertest.Config) { c.Release = "4.6.0" })
	l = old.Issue(nil)
	old.Pm.ResetLog()
	require.NoError(t, l.TryRevoke())
	require.Equal(t, 1, old.Pm.Count())
}

func TestOverridesOnlyTowardsLessRotation(t *testing.T) {
	t.Parallel()
	modes := []string{"refresh", "extend", "none"}
	for i, roleMode := range modes {
		h := newReadyHarness(t, map[string]any{"renew_mode": roleMode})
		for j, asked := range modes {
			resp, err := h.Do(logical.ReadOperation, "creds/ci", map[string]any{"renew_mode": asked})
			require.NoError(t, err)
			if j < i {
				require.ErrorContains(t, resp.Error(), "cannot be asked for")
				continue
			}
			require.Equal(t, asked, resp.Data["renew_mode"])
			require.Equal(t, asked != "none", resp.Secret.Renewable)
			record := h.Record(ledger.ID(resp.Data["credential_id"].(string)))
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
	l := h.Issue(map[string]any{"ttl": "90s"})
	require.Equal(t, 90*time.Second, l.Secret.TTL)

	resp, err := h.Do(logical.ReadOperation, "creds/ci", map[string]any{"ttl": "2h"})
	require.NoError(t, err)
	require.Equal(t, 10*time.Minute, resp.Secret.TTL)
	require.Len(t, resp.Warnings, 1)

	for _, bad := range []any{"0", "soon", -5, ""} {
		resp, err := h.Do(logical.ReadOperation, "creds/ci", map[string]any{"ttl": bad})
		require.NoError(t, err)
		require.True(t, resp.IsError(), "%v", bad)
	}
}

func TestReadsThatCannotWorkSayWhatToDo(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "processmaker/config first")
	h.MustWrite("config", h.ConfigData())
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, `there is no role "ci"`)
	h.MustWrite("roles/ci", h.RoleData(nil))
	h.RefusedWrite(logical.ReadOperation, "creds/ci", map[string]any{"renew_mdoe": "extend"}, `unknown field "renew_mdoe"`)
	h.RefusedWrite(logical.ReadOperation, "creds/ci", map[string]any{"renew_mode": "never"}, "refresh, extend, none")
}

func TestAFailedWriteEndsTheToken(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.Storage.FailPuts(mounttest.AnyKey)
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.ErrorIs(t, err, mounttest.ErrDiskFull)
	require.Equal(t, 1, h.Pm.Count(processmakertest.PasswordGrant))
	require.Empty(t, h.LiveIDs())
}

func TestAReaderWhoGoesAwayLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(h *mounttest.Mount, leave func()){
		"during the login": func(h *mounttest.Mount, leave func()) {
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
				leave()
				return status, body
			})})
		},
		"during the write": func(h *mounttest.Mount, leave func()) {
			h.Storage.BeforePut(func(string) { leave() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			arrange(h, cancel)
			_, err := h.Request(ctx, logical.ReadOperation, "creds/ci", nil)
			require.Error(t, err)
			require.Equal(t, 1, h.Pm.Count(processmakertest.PasswordGrant), "the login was made")
			require.Equal(t, name == "during the write", h.Storage.Puts.Load() > 0, "what nobody waits for is not stored")
			require.Empty(t, h.LiveIDs())
			require.Empty(t, h.RecordedIDs())
		})
	}
}

func TestACancelledRequestIsNotSent(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := h.Request(ctx, logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Zero(t, h.Pm.Count())
}

func TestParallelReads(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			if mounttest.Status(resp, err) != 200 || !h.Pm.Accepts(resp.Data["access_token"].(string)) {
				t.Errorf("%s", mounttest.Message(resp, err))
			}
		})
	}
	wg.Wait()
	require.ElementsMatch(t, h.LiveIDs(), h.RecordedIDs())
	require.Len(t, h.LiveIDs(), 100)
}

func TestTheConfigGoesAwayDuringALogin(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		_, err := h.Do(logical.DeleteOperation, "config", nil)
		require.NoError(t, err)
		return status, body
	})})
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.ErrorContains(t, err, "config was deleted")
	require.Empty(t, h.LiveIDs())
	require.Empty(t, h.RecordedIDs())
}
