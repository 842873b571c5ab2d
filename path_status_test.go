package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

func TestStatusTellsOfReachability(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	empty := h.Read("status")
	require.Equal(t, "", empty["url"])
	require.Equal(t, false, empty["reachable"])
	require.Equal(t, version, empty["version"])

	h.MustWrite("config", h.ConfigData())
	h.MustWrite("roles/ci", h.RoleData(nil))
	got := h.Read("status")
	require.Equal(t, h.Pm.URL(), got["url"])
	require.Equal(t, true, got["reachable"])
	require.Equal(t, "closed", got["breaker"])
	require.Equal(t, -1, got["token_requests_remaining"])

	h.GoDown()
	got = h.Read("status")
	require.Equal(t, false, got["reachable"])
	require.Equal(t, "closed", got["breaker"], "a look keeps no reader from being served")
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Equal(t, "open", h.Read("status")["breaker"])
	h.Clock.Advance(time.Minute)
	require.NoError(t, h.Pm.GoOnline())
	require.Equal(t, true, h.Read("status")["reachable"], "the question itself finds out")
	require.Equal(t, "closed", h.Read("status")["breaker"])
	require.Contains(t, h.Log.String(), "ProcessMaker cannot be reached")
	require.Contains(t, h.Log.String(), "ProcessMaker is reachable again")
}

func TestStatusCountsTokenCalls(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	data := h.ConfigData()
	data["token_requests_per_minute"] = 10
	h.MustWrite("config", data)
	h.Issue(nil)
	h.Issue(nil)
	require.Equal(t, 7, h.Read("status")["token_requests_remaining"], "the config's check is a call too")
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: processmakertest.Throttled(30)})
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Equal(t, 0, h.Read("status")["token_requests_remaining"])
	h.Clock.Advance(2 * time.Minute)
	require.Equal(t, 10, h.Read("status")["token_requests_remaining"])
}

func TestStatusTellsWhatIsOverdue(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"ttl": "10m", "max_ttl": "10m"})
	h.Issue(nil)
	h.Issue(nil)
	h.Tick()
	require.Equal(t, 0, h.Read("status")["overdue"])
	require.Equal(t, "", h.Read("status")["oldest_due"])
	h.GoDown()
	h.Clock.Advance(13 * time.Minute)
	require.Equal(t, 2, h.Read("status")["overdue"], "before the ledger has looked")
	h.Tick()
	got := h.Read("status")
	require.Equal(t, 2, got["overdue"])
	require.Equal(t, mounttest.Noon.Add(11*time.Minute).Format(time.RFC3339), got["oldest_due"])
	h.Clock.Advance(20 * time.Minute)
	h.Tick()
	require.Equal(t, 2, h.Read("status")["overdue"], "minutes left behind count too")

	require.NoError(t, h.Pm.GoOnline())
	for range 2 { // the first finds out whether ProcessMaker is back
		h.Clock.Advance(time.Minute)
		h.Tick()
	}
	require.Equal(t, 0, h.Read("status")["overdue"])
	require.Equal(t, int64(2), h.Counter("ledger_end"))
	require.NotZero(t, h.Counter("ledger_end_failed"))
}

// The cost of status does not grow with the credentials that live.
func TestStatusWalksNothing(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token"})
	h.Issue(nil)
	h.Tick()
	h.Read("status")
	cost := func() (counts [4]int64) {
		h.Storage.Reset()
		h.Read("status")
		return h.Storage.Counts()
	}
	before := cost()
	for range 30 {
		h.Issue(nil)
	}
	require.Equal(t, before, cost())
}

func TestUnaccountedIsWhatNobodyCanEnd(t *testing.T) {
	t.Parallel()
	lost := processmakertest.LoseAnswer()
	gateway := processmakertest.AnswerAfter(http.StatusBadGateway, nil, "<html>")
	for name, c := range map[string]struct {
		break_ func(h *mounttest.Mount)
		want   int64
		// unread: the double knows of as many tokens that nobody got.
		unread int
	}{
		"login lost": {func(h *mounttest.Mount) {
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: lost})
			_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.T, err)
		}, 1, 1},
		"login behind a gateway that gave up": {func(h *mounttest.Mount) {
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: gateway})
			_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.T, err)
		}, 1, 1},
		"login that never arrived": {func(h *mounttest.Mount) {
			h.GoDown()
			_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.T, err)
			require.NoError(h.T, h.Pm.GoOnline())
		}, 0, 0},
		"login refused": {func(h *mounttest.Mount) {
			h.Pm.SetPassword("alice", "another")
			resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.NoError(h.T, err)
			require.True(h.T, resp.IsError())
		}, 0, 0},
		"login that a server in trouble may have done": {func(h *mounttest.Mount) {
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: processmakertest.ServerError()})
			_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.T, err)
		}, 1, 0},
		"refresh lost": {func(h *mounttest.Mount) {
			l := h.Issue(nil)
			h.Clock.Advance(30 * time.Minute)
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Times: 1, Do: lost})
			l.Renew()
		}, 1, 1},
		"refresh that never happened": {func(h *mounttest.Mount) {
			l := h.Issue(nil)
			h.Clock.Advance(30 * time.Minute)
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Times: 1, Do: processmakertest.Refuse()})
			l.Renew()
		}, 0, 0},
		"write and revocation failed": {func(h *mounttest.Mount) {
			h.Storage.FailPuts(mounttest.AnyKey)
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: 1, Do: processmakertest.Answer(403, mounttest.JsonHeader(), `{}`)})
			_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.T, err)
		}, 1, 0},
		"only the write failed": {func(h *mounttest.Mount) {
			h.Storage.FailPuts(mounttest.AnyKey)
			_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Error(h.T, err)
		}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			c.break_(h)
			require.Equal(t, c.want, h.Read("status")["unaccounted"])
			require.Len(t, h.Pm.UnreadTokens(), c.unread)
			if c.want > 0 {
				require.Contains(t, h.EventKinds(), "processmaker/ledger-unaccounted")
			}
		})
	}
}

func TestRoleStatus(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	require.Nil(t, h.Read("status/nobody"))
	h.RefusedWrite(logical.ReadOperation, "status/ci", map[string]any{"foriegn": true}, "unknown field")
	h.Issue(nil)
	got := h.Read("status/ci")
	require.Equal(t, mounttest.Noon.Format(time.RFC3339), got["last_issue_time"])
	require.Equal(t, "", got["last_error"])

	h.Pm.SetPassword("alice", "another")
	h.Clock.Advance(time.Minute)
	for range 2 {
		_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
		require.NoError(t, err)
		got = h.Read("status/ci")
		require.Contains(t, got["last_error"], "refused the login of user \"alice\"")
		require.Contains(t, got["cure"], "Correct username and password of the role")
		require.Equal(t, mounttest.Noon.Add(time.Minute).Format(time.RFC3339), got["last_error_time"])
		require.Equal(t, int64(5), got["retry_after"], "until the remembered refusal is forgotten")
	}
	require.Contains(t, h.Log.String(), "the role's login is broken")

	h.MustWrite("roles/ci", map[string]any{"password": "another"})
	h.Issue(nil)
	got = h.Read("status/ci")
	require.Equal(t, "", got["cure"])
	require.NotEmpty(t, got["last_error"], "for who asks in the morning")
	require.Contains(t, h.Log.String(), "the role's login works again")

	_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	h.MustWrite("roles/ci", h.RoleData(map[string]any{"password": "another"}))
	require.Equal(t, "", h.Read("status/ci")["last_error"], "another role of that name")
}

func TestRoleStatusShowsSessionAndRotation(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token", "rotation_period": "1h"})
	got := h.Read("status/ci")
	require.Equal(t, "", got["session_state"])
	require.Equal(t, "", got["last_vault_rotation"])
	h.Read("static-creds/ci")
	got = h.Read("status/ci")
	require.Equal(t, "active", got["session_state"])
	require.NotEmpty(t, got["session_token_expire_time"])
	require.Equal(t, mounttest.Noon.Format(time.RFC3339), got["last_vault_rotation"])
	require.Equal(t, mounttest.Noon.Add(time.Hour).Format(time.RFC3339), got["next_vault_rotation"])
}

func TestForeignTokens(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, map[string]any{"credential_type": kind})
			l := h.Issue(nil)
			require.NotContains(t, h.Read("status/ci"), "unmanaged_tokens", "only when asked for")
			lives := func() int { return len(h.LiveIDs()) }
			unmanaged := func() []map[string]any {
				before := lives()
				resp, err := h.Do(logical.ReadOperation, "status/ci", map[string]any{"unmanaged": true})
				require.NoError(t, err)
				require.False(t, resp.IsError(), "%v", resp)
				require.Equal(t, before, lives(), "it ends none and leaves none behind")
				return resp.Data["unmanaged_tokens"].([]map[string]any)
			}
			require.Empty(t, unmanaged())

			// The holder of the credential makes others, one of them under a
			// name that looks like this mount's.
			disguise := "vault:5f0d43c3:ci:" + string(l.Id()[:6]) + "0123456789abcdef"
			mine := mintAs(h, l, "mine")
			mintedAs := mintAs(h, l, disguise)
			got := unmanaged()
			require.ElementsMatch(t, []any{mine, mintedAs}, []any{got[0]["id"], got[1]["id"]})
			require.Equal(t, h.Clock.Now().Format("2006-01-02"), got[0]["created_time"].(string)[:10])
			require.ElementsMatch(t, []any{"mine", disguise}, []any{got[0]["name"], got[1]["name"]})
		})
	}
}

// Of two tokens of one name no record tells which is its own: both are shown.
func TestTokensOfOneNameAreUnmanaged(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token"})
	l, single := h.Issue(nil), h.Issue(nil)
	twin := mintAs(h, l, h.Record(l.Id()).TokenName)
	resp, err := h.Do(logical.ReadOperation, "status/ci", map[string]any{"unmanaged": true})
	require.NoError(t, err)
	got := resp.Data["unmanaged_tokens"].([]map[string]any)
	require.Len(t, got, 2)
	require.ElementsMatch(t, []any{twin, l.Data["token_id"]}, []any{got[0]["id"], got[1]["id"]})
	require.NotContains(t, []any{got[0]["id"], got[1]["id"]}, single.Data["token_id"])
}

// A token that the ledger is still to find is not unmanaged.
func TestLostTokensAreNotUnmanaged(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token"})
	h.Issue(nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Times: 1, Do: processmakertest.LoseAnswer()})
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Len(t, h.LivePersonal(), 2)
	h.Clock.Advance(time.Minute)
	resp, err := h.Do(logical.ReadOperation, "status/ci", map[string]any{"unmanaged": true})
	require.NoError(t, err)
	require.Empty(t, resp.Data["unmanaged_tokens"])
}

func TestUnmanagedTokensOfATemplateHaveNoUser(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token", "user_id": "{{identity.entity.metadata.pm}}"})
	h.RefusedWrite(logical.ReadOperation, "status/ci", map[string]any{"unmanaged": true}, "identity template")
}

// mintAs makes a personal access token with the token of a lease, as its holder
// could.
func mintAs(h *mounttest.Mount, l *mounttest.Lease, name string) (id string) {
	h.T.Helper()
	s, err := h.Reader().Instances.Current(context.Background())
	require.NoError(h.T, err)
	record := h.Record(l.Id())
	bearer := record.Token()
	bearer.Value = l.Token()
	token, err := s.Client.CreatePersonalToken(context.Background(), bearer, record.UserID, name)
	require.NoError(h.T, err, fmt.Sprintf("as user %s", record.UserID))
	return token.ID
}
