package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func (h *harness) counter(name string) int64 {
	h.t.Helper()
	return h.read("status")["counters"].(map[string]any)[name].(int64)
}

func TestStatusTellsOfReachability(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	empty := h.read("status")
	require.Equal(t, "", empty["url"])
	require.Equal(t, false, empty["reachable"])
	require.Equal(t, version, empty["version"])

	h.mustWrite("config", h.configData())
	h.mustWrite("roles/ci", h.roleData(nil))
	got := h.read("status")
	require.Equal(t, h.pm.URL(), got["url"])
	require.Equal(t, true, got["reachable"])
	require.Equal(t, "closed", got["breaker"])
	require.Equal(t, -1, got["token_requests_remaining"])

	h.goDown()
	got = h.read("status")
	require.Equal(t, false, got["reachable"])
	require.Equal(t, "closed", got["breaker"], "who only looks keeps nobody from being served")
	_, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Equal(t, "open", h.read("status")["breaker"])
	h.clock.Advance(time.Minute)
	require.NoError(t, h.pm.GoOnline())
	require.Equal(t, true, h.read("status")["reachable"], "the question itself finds out")
	require.Equal(t, "closed", h.read("status")["breaker"])
	require.Contains(t, h.log.String(), "ProcessMaker cannot be reached")
	require.Contains(t, h.log.String(), "ProcessMaker is reachable again")
}

func TestStatusCountsTokenCalls(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	data := h.configData()
	data["token_requests_per_minute"] = 10
	h.mustWrite("config", data)
	h.issue(nil)
	h.issue(nil)
	require.Equal(t, 8, h.read("status")["token_requests_remaining"])
	h.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: processmakertest.Throttled(30)})
	_, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Equal(t, 0, h.read("status")["token_requests_remaining"])
	h.clock.Advance(2 * time.Minute)
	require.Equal(t, 10, h.read("status")["token_requests_remaining"])
}

func TestStatusTellsWhatIsOverdue(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"ttl": "10m", "max_ttl": "10m"})
	h.issue(nil)
	h.issue(nil)
	h.tick()
	require.Equal(t, 0, h.read("status")["overdue"])
	require.Equal(t, "", h.read("status")["oldest_due"])
	h.goDown()
	h.clock.Advance(13 * time.Minute)
	require.Equal(t, 2, h.read("status")["overdue"], "before the ledger has looked")
	h.tick()
	got := h.read("status")
	require.Equal(t, 2, got["overdue"])
	require.Equal(t, noon.Add(11*time.Minute).Format(time.RFC3339), got["oldest_due"])
	h.clock.Advance(20 * time.Minute)
	h.tick()
	require.Equal(t, 2, h.read("status")["overdue"], "minutes left behind count too")

	require.NoError(t, h.pm.GoOnline())
	for range 2 { // the first finds out whether ProcessMaker is back
		h.clock.Advance(time.Minute)
		h.tick()
	}
	require.Equal(t, 0, h.read("status")["overdue"])
	require.Equal(t, int64(2), h.counter("ledger_end"))
	require.NotZero(t, h.counter("ledger_end_failed"))
}

// The cost of status does not grow with the credentials that live.
func TestStatusWalksNothing(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token"})
	h.issue(nil)
	h.tick()
	h.read("status")
	cost := func() (counts [4]int64) {
		h.storage.reset()
		h.read("status")
		return h.storage.counts()
	}
	before := cost()
	for range 30 {
		h.issue(nil)
	}
	require.Equal(t, before, cost())
}

func TestUnaccountedIsWhatNobodyCanEnd(t *testing.T) {
	t.Parallel()
	lost := processmakertest.LoseAnswer()
	gateway := processmakertest.AnswerAfter(http.StatusBadGateway, nil, "<html>")
	for name, c := range map[string]struct {
		break_ func(h *harness)
		want   int64
		// unread: the double knows of as many tokens that nobody got.
		unread int
	}{
		"login lost": {func(h *harness) {
			h.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: lost})
			_, err := h.do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.t, err)
		}, 1, 1},
		"login behind a gateway that gave up": {func(h *harness) {
			h.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: gateway})
			_, err := h.do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.t, err)
		}, 1, 1},
		"login that never arrived": {func(h *harness) {
			h.goDown()
			_, err := h.do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.t, err)
			require.NoError(h.t, h.pm.GoOnline())
		}, 0, 0},
		"login refused": {func(h *harness) {
			h.pm.SetPassword("alice", "another")
			resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
			require.NoError(h.t, err)
			require.True(h.t, resp.IsError())
		}, 0, 0},
		"login that a server in trouble may have done": {func(h *harness) {
			h.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: processmakertest.ServerError()})
			_, err := h.do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.t, err)
		}, 1, 0},
		"refresh lost": {func(h *harness) {
			l := h.issue(nil)
			h.clock.Advance(30 * time.Minute)
			h.pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Times: 1, Do: lost})
			l.renew()
		}, 1, 1},
		"refresh that never happened": {func(h *harness) {
			l := h.issue(nil)
			h.clock.Advance(30 * time.Minute)
			h.pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Times: 1, Do: processmakertest.Refuse()})
			l.renew()
		}, 0, 0},
		"write and revocation failed": {func(h *harness) {
			h.storage.failPuts(anyKey)
			h.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: 1, Do: processmakertest.Answer(403, jsonHeader(), `{}`)})
			_, err := h.do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.t, err)
		}, 1, 0},
		"only the write failed": {func(h *harness) {
			h.storage.failPuts(anyKey)
			_, err := h.do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.t, err)
		}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			c.break_(h)
			require.Equal(t, c.want, h.read("status")["unaccounted"])
			require.Len(t, h.pm.UnreadTokens(), c.unread)
			if c.want > 0 {
				require.Contains(t, h.eventKinds(), "processmaker/ledger-unaccounted")
			}
		})
	}
}

func TestRoleStatus(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	require.Nil(t, h.read("status/nobody"))
	h.refusedWrite(logical.ReadOperation, "status/ci", map[string]any{"foriegn": true}, "unknown field")
	h.issue(nil)
	got := h.read("status/ci")
	require.Equal(t, noon.Format(time.RFC3339), got["last_issue_time"])
	require.Equal(t, "", got["last_error"])

	h.pm.SetPassword("alice", "another")
	h.clock.Advance(time.Minute)
	for range 2 {
		_, err := h.do(logical.ReadOperation, "creds/ci", nil)
		require.NoError(t, err)
		got = h.read("status/ci")
		require.Contains(t, got["last_error"], "refused the login of user \"alice\"")
		require.Contains(t, got["cure"], "Correct username and password of the role")
		require.Equal(t, noon.Add(time.Minute).Format(time.RFC3339), got["last_error_time"])
		require.Equal(t, int64(5), got["retry_after"], "until the remembered refusal is forgotten")
	}
	require.Contains(t, h.log.String(), "the role's login is broken")

	h.mustWrite("roles/ci", map[string]any{"password": "another"})
	h.issue(nil)
	got = h.read("status/ci")
	require.Equal(t, "", got["cure"])
	require.NotEmpty(t, got["last_error"], "for who asks in the morning")
	require.Contains(t, h.log.String(), "the role's login works again")

	_, err := h.do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	h.mustWrite("roles/ci", h.roleData(map[string]any{"password": "another"}))
	require.Equal(t, "", h.read("status/ci")["last_error"], "another role of that name")
}

func TestRoleStatusShowsSessionAndRotation(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token", "rotation_period": "1h"})
	got := h.read("status/ci")
	require.Equal(t, "", got["session_state"])
	require.Equal(t, "", got["last_vault_rotation"])
	h.read("static-creds/ci")
	got = h.read("status/ci")
	require.Equal(t, "active", got["session_state"])
	require.NotEmpty(t, got["session_token_expire_time"])
	require.Equal(t, noon.Format(time.RFC3339), got["last_vault_rotation"])
	require.Equal(t, noon.Add(time.Hour).Format(time.RFC3339), got["next_vault_rotation"])
}
