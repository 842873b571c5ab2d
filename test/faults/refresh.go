package faults

import (
	"context"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// RefreshFailures is the table of what a failed refresh leads to, and of
// which tokens live afterwards.
func RefreshFailures(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	const on, login, ask, end = processmakertest.RefreshGrant, processmakertest.PasswordGrant, processmakertest.ShowToken, processmakertest.DeleteToken
	type result struct {
		fails bool   // the renewal is refused
		kept  bool   // the same token is answered
		says  string // in the warning or the error
		// orphan: a token lives that nobody knows, because its answer was lost.
		orphans   int
		refreshes int
		logins    int
		// oldDue: the old token got a record of its own.
		oldDue bool
		// oldLives: the old token is accepted afterwards.
		oldLives bool
	}
	all := func(arrange ...func(*mounttest.Mount)) func(*mounttest.Mount) {
		return func(h *mounttest.Mount) {
			for _, a := range arrange {
				a(h)
			}
		}
	}
	for name, test := range map[string]struct {
		arrange func(*mounttest.Mount)
		want    result
	}{
		"not delivered: down": {
			func(h *mounttest.Mount) { h.GoDown() },
			result{kept: true, says: "cannot be reached", oldLives: true},
		},
		"not delivered: throttled": {
			mounttest.Inject(on, processmakertest.Throttled(30)),
			result{kept: true, says: "limit of token calls", refreshes: 1, oldLives: true},
		},
		"grant dead: refreshed elsewhere": {
			func(h *mounttest.Mount) { spendRefreshToken(h) },
			result{says: "new login", refreshes: 1, logins: 1},
		},
		"grant dead: APP_KEY changed, the old token lives on": {
			func(h *mounttest.Mount) { h.Pm.RotateAppKey() },
			result{says: "new login", refreshes: 1, logins: 1},
		},
		"grant dead by league 9's words": {
			mounttest.Inject(on, processmakertest.Answer(400, mounttest.JsonHeader(), `{"error":"invalid_grant"}`)),
			result{says: "new login", refreshes: 1, logins: 1},
		},
		"grant dead, the old token cannot be ended": {
			all(func(h *mounttest.Mount) { h.Pm.RotateAppKey() }, mounttest.Inject(end, processmakertest.Refuse())),
			result{says: "new login", refreshes: 1, logins: 1, oldDue: true, oldLives: true},
		},
		"grant dead and the password is wrong": {
			func(h *mounttest.Mount) { h.Pm.RotateAppKey(); h.Pm.SetPassword("alice", "another") },
			result{fails: true, says: "wrong username or password", refreshes: 1, logins: 1, oldLives: true},
		},
		"refused without use: client secret changed": {
			func(h *mounttest.Mount) { h.Pm.SetClientSecret(3, "another") },
			result{kept: true, says: "client_secret of the config", refreshes: 1, oldLives: true},
		},
		"refused without use: client deleted, its tokens with it": {
			func(h *mounttest.Mount) { h.Pm.RevokeClient(3) },
			result{fails: true, says: "auth client", refreshes: 1, logins: 1},
		},
		"refused without use: malformed": {
			mounttest.Inject(on, processmakertest.Answer(400, mounttest.JsonHeader(), `{"error":"invalid_request"}`)),
			result{kept: true, says: "malformed", refreshes: 1, oldLives: true},
		},
		"unknown, not processed: repeated": {
			mounttest.Inject(on, processmakertest.Refuse()),
			result{refreshes: 2},
		},
		"unknown, answer lost": {
			mounttest.Inject(on, processmakertest.LoseAnswer()),
			result{says: "new login", refreshes: 1, logins: 1, orphans: 1},
		},
		"unknown, half done": {
			mounttest.Inject(on, processmakertest.HalfRefresh()),
			result{says: "new login", refreshes: 1, logins: 1},
		},
		"unknown, proxy's 502 after the work was done": {
			mounttest.Inject(on, processmakertest.AnswerAfter(502, mounttest.JsonHeader(), `{}`)),
			result{says: "new login", refreshes: 1, logins: 1, orphans: 1},
		},
		"unknown twice, old token alive": {
			all(mounttest.Inject(on, processmakertest.Refuse()), mounttest.Inject(on, processmakertest.ServerError())),
			result{kept: true, says: "HTTP 500", refreshes: 2, oldLives: true},
		},
		"unknown, then the repeat is lost": {
			all(mounttest.Inject(on, processmakertest.Refuse()), mounttest.Inject(on, processmakertest.LoseAnswer())),
			result{says: "new login", refreshes: 2, logins: 1, orphans: 1},
		},
		"unknown, then the repeat is refused": {
			all(mounttest.Inject(on, processmakertest.Refuse()), mounttest.Inject(on, processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"invalid_request"}`))),
			result{says: "new login", refreshes: 2, logins: 1},
		},
		"unknown, and the question has no answer": {
			all(mounttest.Inject(on, processmakertest.Refuse()), mounttest.Inject(ask, processmakertest.ServerError())),
			result{fails: true, says: "could not be found out", refreshes: 1, oldLives: true},
		},
		"unknown, and a proxy answers the question": {
			all(mounttest.Inject(on, processmakertest.Refuse()), mounttest.Inject(ask, processmakertest.HTMLPage(401))),
			result{fails: true, says: "could not be found out", refreshes: 1, oldLives: true},
		},
		"dead, and the login is throttled": {
			all(mounttest.Inject(on, processmakertest.HalfRefresh()), mounttest.Inject(login, processmakertest.Throttled(30))),
			result{fails: true, says: "limit of token calls", refreshes: 1, logins: 1},
		},
		"an answer without a token": {
			mounttest.Inject(on, processmakertest.Answer(200, mounttest.JsonHeader(), `{}`)),
			result{refreshes: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewReady(t, mount, nil)
			l := h.Issue(nil)
			old := l.Token()
			h.Clock.Advance(30 * time.Minute)
			h.Pm.ResetLog()
			test.arrange(h)
			h.Pm.ResetLog()

			resp, err := l.TryRenew(context.Background())
			if test.want.fails {
				require.ErrorContains(t, err, test.want.says)
				require.Contains(t, err.Error(), `role "ci"`)
			} else {
				require.NoError(t, err)
				require.Contains(t, strings.Join(resp.Warnings, "\n"), test.want.says)
				require.Equal(t, test.want.says == "", len(resp.Warnings) == 0)
				require.Equal(t, test.want.kept, l.Token() == old)
				require.True(t, resp.Secret.Renewable)
				require.Equal(t, time.Hour, resp.Secret.TTL)
				require.Equal(t, l.Token(), h.Record(l.Id()).AccessToken)
				h.CheckRenewal(resp)
				if name != "not delivered: down" {
					require.True(t, h.Pm.Accepts(l.Token()), "a renewal never answers a dead token")
				}
			}
			require.Equal(t, test.want.refreshes, h.Pm.Count(on), "refreshes")
			require.Equal(t, test.want.logins, h.Pm.Count(login), "logins")
			require.Equal(t, test.want.oldLives, h.Pm.Accepts(old), "the old token")
			recorded := h.RecordedIDs()
			require.Equal(t, test.want.oldDue, len(recorded) == 2)
			orphans := 0
			for _, id := range h.LiveIDs() {
				if !contains(recorded, id) {
					orphans++
				}
			}
			require.Equal(t, test.want.orphans, orphans, "tokens that nobody knows")
		})
	}
}

func contains(list []string, one string) bool {
	for _, each := range list {
		if each == one {
			return true
		}
	}
	return false
}

// spendRefreshToken uses the only record's refresh token as somebody else would.
func spendRefreshToken(h *mounttest.Mount) {
	h.T.Helper()
	for _, id := range h.RecordIDs() {
		record := h.Record(id)
		bound := h.Bound(record.Role)
		grant, err := bound.Grants().RefreshGrant(context.Background(), bound.Auth, record.RefreshToken)
		require.NoError(h.T, err)
		require.NoError(h.T, bound.Client.RevokeToken(context.Background(), grant.Access))
	}
}

func AfterAFailedWriteTheNextRenewalLogsIn(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	h.Storage.FailPuts(mounttest.AnyKey)
	_, err := l.TryRenew(context.Background())
	require.ErrorContains(t, err, "disk full")
	require.Empty(t, h.LiveIDs(), "the new token was ended, the old one died in the refresh")

	h.Storage.FailPuts(nil)
	h.Pm.ResetLog()
	resp := l.Renew()
	require.Contains(t, resp.Warnings[0], "new login")
	require.True(t, h.Pm.Accepts(l.Token()))
	require.Equal(t, h.RecordedIDs(), h.LiveIDs())
}

func ARenewalWhoseWritesAllFailKeepsTheOldTokenKnown(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	// The refresh is refused, the old token lives, and nothing can be stored: the
	// new token has to go, not the old record.
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	old := l.Token()
	h.Clock.Advance(30 * time.Minute)
	h.Pm.RotateAppKey()
	h.Storage.FailPuts(mounttest.AnyKey)
	_, err := l.TryRenew(context.Background())
	require.ErrorContains(t, err, "could not be recorded as due")
	require.True(t, h.Pm.Accepts(old))
	require.Equal(t, h.RecordedIDs(), h.LiveIDs())
}
