package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestPersonalTokensComeFromOneSession(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	l := h.issue(nil)
	require.True(t, h.pm.Accepts(l.token()))
	require.Equal(t, "personal_access_token", l.data["credential_type"])
	require.Equal(t, "extend", l.data["renew_mode"])
	require.Equal(t, "alice", l.data["username"])
	require.Equal(t, "2", l.data["user_id"])
	require.Equal(t, []string{"vault:5f0d43c3:ci:" + string(l.id())}, h.livePersonal())
	require.Empty(t, h.record(l.id()).AccessToken, "the token is made after its record")

	for range 50 {
		h.issue(nil)
	}
	require.Equal(t, 1, h.pm.Count(processmakertest.AnyToken))
	require.NotContains(t, fmt.Sprint(l.data, l.secret.InternalData), h.session().RefreshToken)
}

func TestPersonalTokensCosts(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	var l *heldLease
	h.cost("issue", [4]int64{0, 1, 0, 0}, 1, func() { l = h.issue(nil) })
	h.clock.Advance(time.Minute)
	token := l.token()
	h.cost("renew", [4]int64{1, 0, 0, 0}, 0, func() { l.renew() })
	require.Equal(t, token, l.token())
	h.cost("revoke", [4]int64{1, 0, 1, 0}, 1, func() { require.NoError(t, l.tryRevoke()) })
	require.False(t, h.pm.Accepts(token))

	h.mustWrite("roles/ci", map[string]any{"username": "admin", "password": h.pm.User("admin").Password, "user_id": "2"})
	h.issue(nil)
	h.cost("issue for another user", [4]int64{0, 1, 0, 0}, 2, func() { h.issue(nil) })
}

func TestManyFirstReadsOfAPersonalRoleSignInOnce(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.readAtOnce("creds/ci", 200)
	require.Equal(t, 1, h.pm.Count(processmakertest.AnyToken))
	require.Len(t, h.livePersonal(), 200)
}

func TestARefusedSessionIsRenewed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arrange func(h *harness)
		logins  int
		refresh int
	}{
		"its access token was ended":        {func(h *harness) { h.pm.RevokeTokenByID(h.session().TokenID) }, 0, 1},
		"its chain is lost":                 {func(h *harness) { h.pm.RotateAppKey(); h.pm.RevokeTokenByID(h.session().TokenID) }, 1, 1},
		"its access token has expired":      {func(h *harness) { h.pm.ExpireToken(h.session().TokenID) }, 0, 1},
		"the plugin starts with a dead one": {func(h *harness) { h.forgetAll(); h.pm.RevokeTokenByID(h.session().TokenID) }, 0, 1},
		"the plugin starts with a live one": {func(h *harness) { h.forgetAll() }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			h.issue(nil)
			h.clock.Advance(time.Hour)
			test.arrange(h)
			h.pm.ResetLog()
			l := h.issue(nil)
			require.True(t, h.pm.Accepts(l.token()))
			require.Equal(t, test.logins, h.pm.Count(processmakertest.PasswordGrant))
			require.Equal(t, test.refresh, h.pm.Count(processmakertest.RefreshGrant))
			require.True(t, h.pm.Accepts(h.session().AccessToken), "what is stored is what lives")
			require.Zero(t, h.pm.OverlappingRefreshes())
		})
	}
}

func TestManyReadsRenewARefusedSessionOnce(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	h.clock.Advance(time.Hour)
	h.pm.RevokeTokenByID(h.session().TokenID)
	h.pm.ResetLog()
	h.readAtOnce("creds/ci", 50)
	require.Equal(t, 1, h.pm.Count(processmakertest.AnyToken))
}

func TestAnyoneCanHaveTheTokenOfTheirOwnUser(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, map[string]any{"user_id": "{{identity.entity.metadata.processmaker_user}}"})
	h.mustWrite("roles/ci", map[string]any{"username": "admin", "password": h.pm.User("admin").Password})
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "no ProcessMaker user id")
	h.system.EntityVal = &logical.Entity{ID: "entity-1", Metadata: map[string]string{"processmaker_user": "2"}}
	l := h.issue(nil)
	require.Equal(t, "2", l.data["user_id"])
	require.Equal(t, "alice", l.data["username"])
	require.NoError(t, l.tryRevoke())

	for _, hostile := range []string{"../1", "2/tokens", "", "alice", "2 "} {
		h.system.EntityVal.Metadata["processmaker_user"] = hostile
		h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "no ProcessMaker user id")
	}
	h.system.EntityVal.Metadata["processmaker_user"] = "1"
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "is an administrator")
	h.mustWrite("roles/ci", map[string]any{"allow_administrators": true})
	require.Equal(t, "admin", h.issue(nil).data["username"])

	h.mustWrite("roles/ci", map[string]any{"allow_administrators": nil, "user_id": "99999"})
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "no user")
	h.mustWrite("roles/ci", map[string]any{"username": "alice", "password": h.pm.User("alice").Password, "user_id": "1"})
	resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.Equal(t, 400, status(resp, err), message(resp, err))
}

func TestPersonalRoleRefusals(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	require.Equal(t, "extend", h.read("roles/ci")["renew_mode"])
	for says, data := range map[string]map[string]any{
		"cannot be refreshed":              {"renew_mode": "refresh"},
		"user_id is a number":              {"user_id": "alice"},
		"or exactly one":                   {"user_id": "x{{identity.entity.metadata.a}}"},
		"goes with user_id":                {"allow_administrators": true},
		"user_id needs credential_type":    {"credential_type": "access_token", "user_id": "2"},
		"refresh_min_age needs renew_mode": {"refresh_min_age": "1m"},
	} {
		h.refusedWrite(logical.UpdateOperation, "roles/ci", data, says)
	}
	h.mustWrite("roles/plain", h.roleData(nil))
	h.mustWrite("roles/plain", map[string]any{"credential_type": "personal_access_token"})
	require.Equal(t, "extend", h.read("roles/plain")["renew_mode"])
}

func TestALostLeasesPersonalTokenIsFoundByItsName(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.tick()
	for range 30 {
		h.issue(nil)
	}
	h.clock.Advance(25 * time.Hour)
	h.pm.ResetLog()
	h.tick()
	require.Empty(t, h.livePersonal())
	require.Empty(t, h.recordIDs())
	require.Equal(t, 1, h.pm.Count(processmakertest.ListTokens), "one listing for all")
}

// Who is not on ProcessMaker's list has ended; on an answer that is no list,
// nobody is.
func TestAnAnswerThatIsNoListEndsNoSearch(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"data":null}`, `[]`, `{"message":"ok"}`} {
		h := newPersonalHarness(t, nil)
		h.tick()
		h.issue(nil)
		h.clock.Advance(25 * time.Hour)
		h.pm.Inject(processmakertest.Fault{
			On: processmakertest.ListTokens, Do: processmakertest.Answer(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, body),
		})
		h.tick()
		require.Len(t, h.livePersonal(), 1, body)
		require.Len(t, h.recordIDs(), 1, body)
		h.tick()
		require.Empty(t, h.livePersonal(), body)
		require.Empty(t, h.recordIDs(), body)
	}
}

func TestAPersonalTokensLeaseWithoutDataIsStillRevoked(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	l := h.issue(nil)
	l.data = nil
	_, err := l.tryRenew(context.Background())
	require.ErrorContains(t, err, "does not hold its token")
	require.NoError(t, l.tryRevoke())
	require.Empty(t, h.livePersonal())
}

func TestRevokingPersonalTokensOfADeletedRole(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	leased, forced := h.issue(nil), h.issue(nil)
	resp, err := h.do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	require.Contains(t, resp.Warnings[0], "tidy role=ci")
	require.NoError(t, leased.tryRevoke(), "the lease has the token")
	name := h.record(forced.id()).TokenName
	forced.data = nil
	require.ErrorContains(t, forced.tryRevoke(), "is deleted")
	require.ErrorContains(t, forced.tryRevoke(), name)
}

// TestATokenOfAnotherUserThanItsRecordSaid: while a reader waits, another person
// signs in for the role, and the reader goes on with that session.
func TestATokenOfAnotherUserThanItsRecordSaid(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	signIn := func(username string) {
		state, code := h.begin(username)
		resp, err := h.complete(state, code)
		require.Equal(t, 200, status(resp, err), message(resp, err))
	}
	signIn("alice")
	h.issue(nil)
	h.clock.Advance(time.Hour)
	h.pm.AddUser(processmakertest.User{Username: "robert", Password: "robert's"})
	duringARefusedMinting(h, func() {
		h.endSession()
		signIn("robert")
	})
	l := h.issue(nil)
	require.Equal(t, "robert", l.data["username"])
	require.Equal(t, "robert", h.record(l.id()).Username)
	require.NoError(t, l.tryRevoke())
	require.False(t, h.pm.Accepts(l.token()))
}

// A reader does not go on as the user that its role was given meanwhile.
func TestARoleThatIsGivenAnotherUserWhileAReaderWaits(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	h.clock.Advance(time.Hour)
	bob := h.pm.AddUser(processmakertest.User{Username: "robert", Password: "robert's"})
	duringARefusedMinting(h, func() {
		h.mustWrite("roles/ci", map[string]any{"username": bob.Username, "password": bob.Password})
		h.issue(nil)
	})
	resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.Equal(t, 409, status(resp, err), message(resp, err))
	require.Contains(t, message(resp, err), "changed or deleted by another request at the same time; try again")
	require.Equal(t, bob.Username, h.issue(nil).data["username"])
	require.Len(t, h.pm.LiveTokens(), 4, "three leases and the session")
}

// duringARefusedMinting does something while ProcessMaker refuses the session of
// the next creation of a token.
func duringARefusedMinting(h *harness, do func()) {
	var done atomic.Bool
	h.pm.Inject(processmakertest.Fault{
		On: processmakertest.CreateToken, Do: processmakertest.Answer(401, jsonHeader(), `{"error":"Unauthenticated."}`),
		Match: func(*http.Request) bool {
			if !done.CompareAndSwap(false, true) {
				return false
			}
			do()
			return true
		},
	})
}
