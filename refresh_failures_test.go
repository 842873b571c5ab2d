package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// TestRefreshFailures is the table of what a failed refresh leads to, and of
// which tokens live afterwards.
func TestRefreshFailures(t *testing.T) {
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
	all := func(arrange ...func(*harness)) func(*harness) {
		return func(h *harness) {
			for _, a := range arrange {
				a(h)
			}
		}
	}
	for name, test := range map[string]struct {
		arrange func(*harness)
		want    result
	}{
		"not delivered: down": {
			func(h *harness) { h.goDown() },
			result{kept: true, says: "cannot be reached", oldLives: true},
		},
		"not delivered: throttled": {
			inject(on, processmakertest.Throttled(30)),
			result{kept: true, says: "limit of token calls", refreshes: 1, oldLives: true},
		},
		"grant dead: refreshed elsewhere": {
			func(h *harness) { h.spendRefreshToken() },
			result{says: "new login", refreshes: 1, logins: 1},
		},
		"grant dead: APP_KEY changed, the old token lives on": {
			func(h *harness) { h.pm.RotateAppKey() },
			result{says: "new login", refreshes: 1, logins: 1},
		},
		"grant dead by league 9's words": {
			inject(on, processmakertest.Answer(400, jsonHeader(), `{"error":"invalid_grant"}`)),
			result{says: "new login", refreshes: 1, logins: 1},
		},
		"grant dead, the old token cannot be ended": {
			all(func(h *harness) { h.pm.RotateAppKey() }, inject(end, processmakertest.Refuse())),
			result{says: "new login", refreshes: 1, logins: 1, oldDue: true, oldLives: true},
		},
		"grant dead and the password is wrong": {
			func(h *harness) { h.pm.RotateAppKey(); h.pm.SetPassword("alice", "another") },
			result{fails: true, says: "wrong username or password", refreshes: 1, logins: 1, oldLives: true},
		},
		"refused without use: client secret changed": {
			func(h *harness) { h.pm.SetClientSecret(3, "another") },
			result{kept: true, says: "client_secret of the config", refreshes: 1, oldLives: true},
		},
		"refused without use: client deleted, its tokens with it": {
			func(h *harness) { h.pm.RevokeClient(3) },
			result{fails: true, says: "auth client", refreshes: 1, logins: 1},
		},
		"refused without use: malformed": {
			inject(on, processmakertest.Answer(400, jsonHeader(), `{"error":"invalid_request"}`)),
			result{kept: true, says: "malformed", refreshes: 1, oldLives: true},
		},
		"unknown, not processed: repeated": {
			inject(on, processmakertest.Refuse()),
			result{refreshes: 2},
		},
		"unknown, answer lost": {
			inject(on, processmakertest.LoseAnswer()),
			result{says: "new login", refreshes: 1, logins: 1, orphans: 1},
		},
		"unknown, half done": {
			inject(on, processmakertest.HalfRefresh()),
			result{says: "new login", refreshes: 1, logins: 1},
		},
		"unknown, proxy's 502 after the work was done": {
			inject(on, processmakertest.AnswerAfter(502, jsonHeader(), `{}`)),
			result{says: "new login", refreshes: 1, logins: 1, orphans: 1},
		},
		"unknown twice, old token alive": {
			all(inject(on, processmakertest.Refuse()), inject(on, processmakertest.ServerError())),
			result{kept: true, says: "HTTP 500", refreshes: 2, oldLives: true},
		},
		"unknown, then the repeat is lost": {
			all(inject(on, processmakertest.Refuse()), inject(on, processmakertest.LoseAnswer())),
			result{says: "new login", refreshes: 2, logins: 1, orphans: 1},
		},
		"unknown, then the repeat is refused": {
			all(inject(on, processmakertest.Refuse()), inject(on, processmakertest.Answer(401, jsonHeader(), `{"error":"invalid_request"}`))),
			result{says: "new login", refreshes: 2, logins: 1},
		},
		"unknown, and the question has no answer": {
			all(inject(on, processmakertest.Refuse()), inject(ask, processmakertest.ServerError())),
			result{fails: true, says: "could not be found out", refreshes: 1, oldLives: true},
		},
		"unknown, and a proxy answers the question": {
			all(inject(on, processmakertest.Refuse()), inject(ask, processmakertest.HTMLPage(401))),
			result{fails: true, says: "could not be found out", refreshes: 1, oldLives: true},
		},
		"dead, and the login is throttled": {
			all(inject(on, processmakertest.HalfRefresh()), inject(login, processmakertest.Throttled(30))),
			result{fails: true, says: "limit of token calls", refreshes: 1, logins: 1},
		},
		"an answer without a token": {
			inject(on, processmakertest.Answer(200, jsonHeader(), `{}`)),
			result{refreshes: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			l := h.issue(nil)
			old := l.token()
			h.clock.Advance(30 * time.Minute)
			h.pm.ResetLog()
			test.arrange(h)
			h.pm.ResetLog()

			resp, err := l.tryRenew(context.Background())
			if test.want.fails {
				require.ErrorContains(t, err, test.want.says)
				require.Contains(t, err.Error(), `role "ci"`)
			} else {
				require.NoError(t, err)
				require.Contains(t, strings.Join(resp.Warnings, "\n"), test.want.says)
				require.Equal(t, test.want.says == "", len(resp.Warnings) == 0)
				require.Equal(t, test.want.kept, l.token() == old)
				require.True(t, resp.Secret.Renewable)
				require.Equal(t, time.Hour, resp.Secret.TTL)
				require.Equal(t, l.token(), h.record(l.id()).AccessToken)
				h.checkSchema(resp)
				if name != "not delivered: down" {
					require.True(t, h.pm.Accepts(l.token()), "a renewal never answers a dead token")
				}
			}
			require.Equal(t, test.want.refreshes, h.pm.Count(on), "refreshes")
			require.Equal(t, test.want.logins, h.pm.Count(login), "logins")
			require.Equal(t, test.want.oldLives, h.pm.Accepts(old), "the old token")
			recorded := h.recordedIDs()
			require.Equal(t, test.want.oldDue, len(recorded) == 2)
			orphans := 0
			for _, id := range h.liveIDs() {
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

// goDown makes every dial fail. A connection that is lost in the very moment it
// is used would be another case: nobody knows what arrived.
func (h *harness) goDown() {
	h.pm.GoOffline()
	h.backend.settings.close()
}

// spendRefreshToken uses the only record's refresh token as somebody else would.
func (h *harness) spendRefreshToken() {
	h.t.Helper()
	for _, id := range h.recordIDs() {
		record := h.record(id)
		settings, err := h.backend.settings.load(context.Background(), h.storage, h.clock)
		require.NoError(h.t, err)
		grant, err := settings.client.For(client.Caller{}).RefreshGrant(context.Background(), settings.config.AuthClient.forClient(), record.RefreshToken)
		require.NoError(h.t, err)
		require.NoError(h.t, settings.client.RevokeToken(context.Background(), grant.Access))
	}
}

func TestAfterAFailedWriteTheNextRenewalLogsIn(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.clock.Advance(30 * time.Minute)
	h.storage.failPuts(anyKey)
	_, err := l.tryRenew(context.Background())
	require.ErrorContains(t, err, "disk full")
	require.Empty(t, h.liveIDs(), "the new token was ended, the old one died in the refresh")

	h.storage.failPuts(nil)
	h.pm.ResetLog()
	resp := l.renew()
	require.Contains(t, resp.Warnings[0], "new login")
	require.True(t, h.pm.Accepts(l.token()))
	require.Equal(t, h.recordedIDs(), h.liveIDs())
}

func TestARenewalWhoseWritesAllFailKeepsTheOldTokenKnown(t *testing.T) {
	t.Parallel()
	// The refresh is refused, the old token lives, and nothing can be stored: the
	// new token has to go, not the old record.
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	old := l.token()
	h.clock.Advance(30 * time.Minute)
	h.pm.RotateAppKey()
	h.storage.failPuts(anyKey)
	_, err := l.tryRenew(context.Background())
	require.ErrorContains(t, err, "could not be recorded as due")
	require.True(t, h.pm.Accepts(old))
	require.Equal(t, h.recordedIDs(), h.liveIDs())
}
