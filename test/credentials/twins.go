package credentials

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/telemetry"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// requireTwinRefused requires the answer with both numbers and the cure.
func requireTwinRefused(t *testing.T, number int, resp *logical.Response, err error) {
	t.Helper()
	require.Equal(t, http.StatusBadRequest, mounttest.Status(resp, err), mounttest.Message(resp, err))
	text := mounttest.Message(resp, err)
	require.Contains(t, text, fmt.Sprintf("auth client %d makes for user %d", number, number))
	require.Contains(t, text, "another user")
	require.Contains(t, text, "another auth client")
}

// requireCounted requires that what lives and is not known is counted, and
// nothing else.
func requireCounted(t *testing.T, h *mounttest.Mount) {
	t.Helper()
	strays := h.Census()
	for _, token := range strays {
		require.True(t, token.Twin, "%+v", token)
	}
	require.Equal(t, len(strays), int(h.Backend.Engine().Report.Counted(telemetry.LedgerUnaccounted)))
	require.Zero(t, h.Backend.Engine().LocksInUse())
}

// ATwinIsRefusedWhereverATokenBegins, with the cure, and nothing is handed out,
// kept, or called ended that lives.
func ATwinIsRefusedWhereverATokenBegins(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	personal := map[string]any{"credential_type": "personal_access_token"}
	for name, test := range map[string]struct {
		role      map[string]any
		operation logical.Operation
		path      string
		data      map[string]any
	}{
		"read":               {nil, logical.ReadOperation, "creds/ci", nil},
		"read to extend":     {map[string]any{"renew_mode": "extend"}, logical.ReadOperation, "creds/ci", nil},
		"first session":      {personal, logical.ReadOperation, "creds/ci", nil},
		"static":             {map[string]any{"rotation_period": "1h"}, logical.ReadOperation, "static-creds/ci", nil},
		"verify":             {nil, logical.UpdateOperation, "roles/ci", map[string]any{"verify": true, "ttl": "10m"}},
		"password":           {nil, logical.UpdateOperation, "rotate-role/ci", nil},
		"list of its tokens": {nil, logical.ReadOperation, "status/ci", map[string]any{"unmanaged": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewTwin(t, mount, test.role)
			before := h.Snapshot()
			resp, err := h.Do(test.operation, test.path, test.data)
			requireTwinRefused(t, 3, resp, err)
			require.Equal(t, before, h.Snapshot(), "nothing is kept")
			requireCounted(t, h)
			require.Equal(t, "twin's", h.Pm.User("twin").Password)
			// The one that lives on comes of the refresh token that was used up.
			require.Equal(t, 1, h.Pm.Count(processmakertest.RefreshGrant))
			require.Len(t, h.Pm.LiveTokens(), 1)
		})
	}
}

// ARefusedTwinIsRememberedAndCured: the refusal costs no further calls, and another
// auth client is no matter of trials.
func ARefusedTwinIsRememberedAndCured(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, role := range map[string]map[string]any{
		"access token": nil, "personal": {"credential_type": "personal_access_token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewTwin(t, mount, role)
			for range 3 {
				resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
				requireTwinRefused(t, 3, resp, err)
			}
			require.Equal(t, 1, h.Pm.Count(processmakertest.PasswordGrant))

			h.MustWrite("roles/ci", map[string]any{"client_id": "4", "client_secret": h.Pm.Client(4).Secret})
			h.Pm.ResetLog()
			l := h.Issue(nil)
			require.Zero(t, h.Pm.Count(processmakertest.ShowToken), "no trial")
			require.True(t, h.Pm.Accepts(l.Token()))
			require.NoError(t, l.TryRevoke())
			require.False(t, h.Pm.Accepts(l.Token()))
			requireCounted(t, h)
		})
	}
}

// WhereTwinsAreAcceptedTheyAreHandedOut: the answer decides, at one call more.
func WhereTwinsAreAcceptedTheyAreHandedOut(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewTwin(t, mount, nil)
	h.Pm.SetClientOwner(3, 1)
	h.Cost("issue", [4]int64{0, 2, 1, 0}, 2, func() { h.Issue(nil) })
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	before := l.Token()
	l.Renew()
	require.NotEqual(t, before, l.Token())
	require.True(t, h.Pm.Accepts(l.Token()))
	require.NotEmpty(t, h.Record(l.Id()).RefreshToken)
	l.Path = "creds/ci"
	require.NoError(t, l.TryRevoke())
	require.Len(t, h.LiveIDs(), 1)
	requireCounted(t, h)
}

// ATwinThatIsRefusedLaterIsNotCalledEnded: a 401 to its own revocation proves
// nothing. Using up its refresh token does, which the record has in every mode.
func ATwinThatIsRefusedLaterIsNotCalledEnded(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for _, mode := range []string{"refresh", "extend", "none"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewTwin(t, mount, map[string]any{"renew_mode": mode})
			h.Pm.SetClientOwner(3, 1)
			l := h.Issue(nil)
			token := l.Data["token_id"].(string)
			h.Clock.Advance(time.Minute)
			h.Pm.SetClientOwner(3, 0)
			require.NoError(t, l.TryRevoke())
			require.Empty(t, h.RecordIDs())
			require.NotContains(t, h.LiveIDs(), token)
			requireCounted(t, h)
			h.Pm.SetClientOwner(3, 1)
			require.False(t, h.Pm.Accepts(l.Token()))
		})
	}
}

// ARenewalAnswersNoTwin that is refused by then.
func ARenewalAnswersNoTwin(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewTwin(t, mount, nil)
	h.Pm.SetClientOwner(3, 1)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	h.Pm.SetClientOwner(3, 0)
	for range 3 {
		_, err := l.TryRenew(context.Background())
		require.ErrorContains(t, err, "auth client 3 makes for user 3")
		h.Clock.Advance(time.Second)
	}
	require.Equal(t, 1, h.Pm.Count(processmakertest.RefreshGrant), "it is remembered")
	require.Empty(t, h.Census(), "the record has the new pair")
	require.NoError(t, l.TryRevoke())
	require.Empty(t, h.RecordIDs())
	requireCounted(t, h)
}

// ATrialThatFailsLeavesTheTokenKnown, and the read fails with what it failed with.
func ATrialThatFailsLeavesTheTokenKnown(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, role := range map[string]map[string]any{
		"access token": nil, "personal": {"credential_type": "personal_access_token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewTwin(t, mount, role)
			h.Pm.SetClientOwner(3, 1)
			down := h.Pm.Inject(processmakertest.Fault{On: processmakertest.ShowToken, Times: -1, Do: processmakertest.HTMLPage(502)})
			resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Equal(t, http.StatusBadGateway, mounttest.Status(resp, err), mounttest.Message(resp, err))
			require.Len(t, h.LiveIDs(), 1)
			require.Empty(t, h.Census(), "the ledger knows it")
			down()
			h.Clock.Advance(time.Minute)
			h.Tick()
			require.Empty(t, h.LiveIDs())
			require.Empty(t, h.RecordIDs())
			requireCounted(t, h)
			h.Issue(nil)
		})
	}
}

// ARenewalWhoseTrialFailsKeepsThePair: the old one is dead.
func ARenewalWhoseTrialFailsKeepsThePair(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewTwin(t, mount, nil)
	h.Pm.SetClientOwner(3, 1)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	down := h.Pm.Inject(processmakertest.Fault{On: processmakertest.ShowToken, Times: -1, Do: processmakertest.HTMLPage(502)})
	_, err := l.TryRenew(context.Background())
	require.ErrorContains(t, err, "502")
	require.ElementsMatch(t, h.LiveIDs(), h.RecordedIDs())
	down()
	h.Clock.Advance(time.Minute)
	l.Renew()
	require.True(t, h.Pm.Accepts(l.Token()))
	require.Equal(t, []string{l.Data["token_id"].(string)}, h.LiveIDs())
	require.Equal(t, h.LiveIDs(), h.RecordedIDs())
	require.Equal(t, 1, h.Pm.Count(processmakertest.PasswordGrant), "no login was needed")
}

// ATwinSignsInNowhere: neither a person nor an import begins its session.
func ATwinSignsInNowhere(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	t.Run("sign-in", func(t *testing.T) {
		t.Parallel()
		h := mounttest.NewSignIn(t, mount, nil, mounttest.Passport13)
		h.Pm.SetClientOwner(2, 0)
		state, code := h.Begin("alice")
		resp, err := h.Complete(state, code)
		requireTwinRefused(t, 2, resp, err)
		require.Nil(t, h.Session())
		require.Empty(t, h.RecordIDs())
		requireCounted(t, h)
	})
	t.Run("import", func(t *testing.T) {
		t.Parallel()
		h := mounttest.NewTwin(t, mount, nil)
		h.Pm.SetClientOwner(3, 1)
		refresh := h.Login("ci").Refresh
		h.Pm.SetClientOwner(3, 0)
		h.MustWrite("roles/ci", map[string]any{"grant_type": "refresh_token", "credential_type": "personal_access_token", "username": nil, "password": nil})
		resp, err := h.Do(logical.UpdateOperation, "sessions/ci", map[string]any{"refresh_token": refresh})
		requireTwinRefused(t, 3, resp, err)
		require.Nil(t, h.Session())
		require.Empty(t, h.RecordIDs())
		requireCounted(t, h)
	})
}

// ASessionThatBecomesATwinIsNotCalledADeletedUsers, and is asked for once.
func ASessionThatBecomesATwinIsNotCalledADeletedUsers(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewTwin(t, mount, map[string]any{"credential_type": "personal_access_token"})
	h.Pm.SetClientOwner(3, 1)
	require.NoError(t, h.Issue(nil).TryRevoke())
	h.Clock.Advance(30 * time.Minute)
	h.Pm.SetClientOwner(3, 0)
	calls := 0
	for range 2 {
		h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "or it is because user and auth client have the same number, 3. Restore the user in ProcessMaker, or give the role another one or another auth client")
		require.True(t, calls == 0 || calls == h.Pm.Count(), "it is remembered")
		calls = h.Pm.Count()
	}
	requireCounted(t, h)
	h.Pm.SetClientOwner(3, 1)
	h.Clock.Advance(2 * time.Minute)
	h.Issue(nil)
}

// ATwinWithoutARefreshTokenStaysDue with that reason, as a record of an earlier
// release has none.
func ATwinWithoutARefreshTokenStaysDue(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewTwin(t, mount, map[string]any{"renew_mode": "extend"})
	h.Pm.SetClientOwner(3, 1)
	l := h.Issue(nil)
	record := h.Record(l.Id())
	record.RefreshToken = ""
	require.NoError(t, h.Reader().Ledger.Put(record))
	h.Clock.Advance(time.Minute)
	h.Pm.SetClientOwner(3, 0)
	require.NoError(t, l.TryRevoke())
	require.Empty(t, h.Census())
	revoke := "credentials/" + string(l.Id()) + "/revoke"
	_, err := h.Do(logical.UpdateOperation, revoke, nil)
	require.ErrorContains(t, err, "its user and its auth client both have the number 3")
	h.MustWrite(revoke, map[string]any{"force": true})
	require.Empty(t, h.RecordIDs())
	requireCounted(t, h)
}

// ATwinOnTrialIsNeverUnknown: the plugin may be killed meanwhile.
func ATwinOnTrialIsNeverUnknown(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewTwin(t, mount, map[string]any{"rotation_period": "1h"})
	h.Pm.SetClientOwner(3, 1)
	trials := 0
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.ShowToken, Times: -1, Match: func(*http.Request) bool {
		trials++
		assert.Empty(t, h.Census())
		return false
	}})
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	l.Renew()
	h.Read("static-creds/ci")
	require.Equal(t, 3, trials)
	h.MustWrite("roles/ci", map[string]any{"verify": true, "ttl": "10m"})
	h.MustWrite("rotate-role/ci", nil)
	h.MustWrite("roles/ci", map[string]any{"credential_type": "personal_access_token"})
	h.Issue(nil)
	require.Greater(t, trials, 6)
}

// ARefusedTwinIsNotAnsweredLater by a renewal that keeps the token: it is young, or the lease would
// not grow, or ProcessMaker has no time for a refresh.
func ARefusedTwinIsNotAnsweredLater(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, after := range map[string]func(h *mounttest.Mount){
		"the token is young": func(h *mounttest.Mount) { h.MustWrite("roles/ci", map[string]any{"refresh_min_age": "30m"}) },
		"the token is young, and the login may be tried again": func(h *mounttest.Mount) {
			h.MustWrite("roles/ci", map[string]any{"refresh_min_age": "30m"})
			h.Clock.Advance(2 * time.Minute)
		},
		"ProcessMaker throttles": func(h *mounttest.Mount) {
			h.Clock.Advance(2 * time.Minute)
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Times: 1, Do: processmakertest.Throttled(30)})
		},
	} {
		for _, trial := range []string{"refused", "failed"} {
			t.Run(name+", the trial "+trial, func(t *testing.T) {
				t.Parallel()
				h := mounttest.NewTwin(t, mount, nil)
				h.Pm.SetClientOwner(3, 1)
				l := h.Issue(nil)
				h.Clock.Advance(40 * time.Minute)
				h.Pm.SetClientOwner(3, 0)
				if trial == "failed" {
					h.Pm.Inject(processmakertest.Fault{On: processmakertest.ShowToken, Times: 1, Do: processmakertest.HTMLPage(502)})
				}
				_, err := l.TryRenew(context.Background())
				require.Error(t, err)
				after(h)
				_, err = l.TryRenew(context.Background())
				require.Error(t, err, "the renewal answers a token that ProcessMaker refuses")
			})
		}
	}
}
