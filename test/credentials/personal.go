package credentials

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func PersonalTokensComeFromOneSession(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	l := h.Issue(nil)
	require.True(t, h.Pm.Accepts(l.Token()))
	require.Equal(t, "personal_access_token", l.Data["credential_type"])
	require.Equal(t, "extend", l.Data["renew_mode"])
	require.Equal(t, "alice", l.Data["username"])
	require.Equal(t, "2", l.Data["user_id"])
	require.Equal(t, []string{"vault:5f0d43c3:ci:" + string(l.Id())}, h.LivePersonal())
	require.Empty(t, h.Record(l.Id()).AccessToken, "the token is made after its record")

	for range 50 {
		h.Issue(nil)
	}
	require.Equal(t, 1, h.Pm.Count(processmakertest.AnyToken))
	require.NotContains(t, fmt.Sprint(l.Data, l.Secret.InternalData), h.Session().RefreshToken)
}

func PersonalTokensCosts(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	var l *mounttest.Lease
	h.Cost("issue", [4]int64{0, 1, 0, 0}, 1, func() { l = h.Issue(nil) })
	h.Clock.Advance(time.Minute)
	token := l.Token()
	h.Cost("renew", [4]int64{1, 0, 0, 0}, 0, func() { l.Renew() })
	require.Equal(t, token, l.Token())
	h.Cost("revoke", [4]int64{1, 0, 1, 0}, 1, func() { require.NoError(t, l.TryRevoke()) })
	require.False(t, h.Pm.Accepts(token))

	h.MustWrite("roles/ci", map[string]any{"username": "admin", "password": h.Pm.User("admin").Password, "user_id": "2"})
	h.Issue(nil)
	h.Cost("issue for another user", [4]int64{0, 1, 0, 0}, 2, func() { h.Issue(nil) })
}

func ManyFirstReadsOfAPersonalRoleSignInOnce(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.ReadAtOnce("creds/ci", 200)
	require.Equal(t, 1, h.Pm.Count(processmakertest.AnyToken))
	require.Len(t, h.LivePersonal(), 200)
}

func ARefusedSessionIsRenewed(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, test := range map[string]struct {
		arrange func(h *mounttest.Mount)
		logins  int
		refresh int
	}{
		"its access token was ended":        {func(h *mounttest.Mount) { h.Pm.RevokeTokenByID(h.Session().TokenID) }, 0, 1},
		"its chain is lost":                 {func(h *mounttest.Mount) { h.Pm.RotateAppKey(); h.Pm.RevokeTokenByID(h.Session().TokenID) }, 1, 1},
		"its access token has expired":      {func(h *mounttest.Mount) { h.Pm.ExpireToken(h.Session().TokenID) }, 0, 1},
		"the plugin starts with a dead one": {func(h *mounttest.Mount) { h.ForgetAll(); h.Pm.RevokeTokenByID(h.Session().TokenID) }, 0, 1},
		"the plugin starts with a live one": {func(h *mounttest.Mount) { h.ForgetAll() }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewPersonal(t, mount, nil)
			h.Issue(nil)
			h.Clock.Advance(time.Hour)
			test.arrange(h)
			h.Pm.ResetLog()
			l := h.Issue(nil)
			require.True(t, h.Pm.Accepts(l.Token()))
			require.Equal(t, test.logins, h.Pm.Count(processmakertest.PasswordGrant))
			require.Equal(t, test.refresh, h.Pm.Count(processmakertest.RefreshGrant))
			require.True(t, h.Pm.Accepts(h.Session().AccessToken), "what is stored is what lives")
			require.Zero(t, h.Pm.OverlappingRefreshes())
		})
	}
}

func ManyReadsRenewARefusedSessionOnce(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	h.Clock.Advance(time.Hour)
	h.Pm.RevokeTokenByID(h.Session().TokenID)
	h.Pm.ResetLog()
	h.ReadAtOnce("creds/ci", 50)
	require.Equal(t, 1, h.Pm.Count(processmakertest.AnyToken))
}

func AnyoneCanHaveTheTokenOfTheirOwnUser(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, map[string]any{"user_id": "{{identity.entity.metadata.processmaker_user}}"})
	h.MustWrite("roles/ci", map[string]any{"username": "admin", "password": h.Pm.User("admin").Password})
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "no ProcessMaker user id")
	h.System.EntityVal = &logical.Entity{ID: "entity-1", Metadata: map[string]string{"processmaker_user": "2"}}
	l := h.Issue(nil)
	require.Equal(t, "2", l.Data["user_id"])
	require.Equal(t, "alice", l.Data["username"])
	require.NoError(t, l.TryRevoke())

	for _, hostile := range []string{"../1", "2/tokens", "", "alice", "2 "} {
		h.System.EntityVal.Metadata["processmaker_user"] = hostile
		h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "no ProcessMaker user id")
	}
	h.System.EntityVal.Metadata["processmaker_user"] = "1"
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "is an administrator")
	h.MustWrite("roles/ci", map[string]any{"allow_administrators": true})
	require.Equal(t, "admin", h.Issue(nil).Data["username"])

	// Claims of JWT and OIDC logins are metadata of the alias.
	h.MustWrite("roles/ci", map[string]any{"allow_administrators": nil, "user_id": "{{identity.entity.aliases.auth_jwt_1a2b.metadata.processmaker_user}}"})
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "no ProcessMaker user id")
	h.System.EntityVal.Aliases = []*logical.Alias{{MountAccessor: "auth_jwt_1a2b", Metadata: map[string]string{"processmaker_user": "2"}}}
	require.Equal(t, "alice", h.Issue(nil).Data["username"])

	h.MustWrite("roles/ci", map[string]any{"user_id": "99999"})
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "no user")
	h.MustWrite("roles/ci", map[string]any{"username": "alice", "password": h.Pm.User("alice").Password, "user_id": "1"})
	resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Equal(t, 400, mounttest.Status(resp, err), mounttest.Message(resp, err))
}

func PersonalRoleRefusals(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	require.Equal(t, "extend", h.Read("roles/ci")["renew_mode"])
	for says, data := range map[string]map[string]any{
		"cannot be refreshed":              {"renew_mode": "refresh"},
		"user_id is a number such as 7":    {"user_id": "alice"},
		"or exactly one":                   {"user_id": "x{{identity.entity.metadata.a}}"},
		"goes with user_id":                {"allow_administrators": true},
		"user_id needs credential_type":    {"credential_type": "access_token", "user_id": "2"},
		"refresh_min_age needs renew_mode": {"refresh_min_age": "1m"},
	} {
		h.RefusedWrite(logical.UpdateOperation, "roles/ci", data, says)
	}
	h.MustWrite("roles/plain", h.RoleData(nil))
	h.MustWrite("roles/plain", map[string]any{"credential_type": "personal_access_token"})
	require.Equal(t, "extend", h.Read("roles/plain")["renew_mode"])
}

func ALostLeasesPersonalTokenIsFoundByItsName(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Tick()
	for range 30 {
		h.Issue(nil)
	}
	h.Clock.Advance(25 * time.Hour)
	h.Pm.ResetLog()
	h.Tick()
	require.Empty(t, h.LivePersonal())
	require.Empty(t, h.RecordIDs())
	require.Equal(t, 1, h.Pm.Count(processmakertest.ListTokens), "one listing for all")
}

// Who is not on ProcessMaker's list has ended; on an answer that is no list,
// nobody is.
func AnAnswerThatIsNoListEndsNoSearch(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"data":null}`, `[]`, `{"message":"ok"}`} {
		h := mounttest.NewPersonal(t, mount, nil)
		h.Tick()
		h.Issue(nil)
		h.Clock.Advance(25 * time.Hour)
		h.Pm.Inject(processmakertest.Fault{
			On: processmakertest.ListTokens, Do: processmakertest.Answer(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, body),
		})
		h.Tick()
		require.Len(t, h.LivePersonal(), 1, body)
		require.Len(t, h.RecordIDs(), 1, body)
		h.Tick()
		require.Empty(t, h.LivePersonal(), body)
		require.Empty(t, h.RecordIDs(), body)
	}
}

func APersonalTokensLeaseWithoutDataIsStillRevoked(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	l := h.Issue(nil)
	l.Data = nil
	_, err := l.TryRenew(context.Background())
	require.ErrorContains(t, err, "does not hold its token")
	require.NoError(t, l.TryRevoke())
	require.Empty(t, h.LivePersonal())
}

func RevokingPersonalTokensOfADeletedRole(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	leased, renewed, forced := h.Issue(nil), h.Issue(nil), h.Issue(nil)
	for range 2 {
		h.Clock.Advance(10 * time.Minute)
		renewed.Renew()
	}
	resp, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	require.Contains(t, resp.Warnings[0], "credentials/revoke role=ci")
	require.NoError(t, leased.TryRevoke(), "the lease has the token")
	require.NoError(t, renewed.TryRevoke(), "and has it after a renewal, which answers none")
	require.False(t, h.Pm.Accepts(renewed.Token()))
	name := h.Record(forced.Id()).TokenName
	forced.Data = nil
	require.ErrorContains(t, forced.TryRevoke(), "is deleted")
	require.ErrorContains(t, forced.TryRevoke(), name)
}

// ATokenOfAnotherUserThanItsRecordSaid: while a reader waits, another person
// signs in for the role, and the reader goes on with that session.
func ATokenOfAnotherUserThanItsRecordSaid(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewSignIn(t, mount, nil)
	signIn := func(username string) {
		state, code := h.Begin(username)
		resp, err := h.Complete(state, code)
		require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	}
	signIn("alice")
	h.Issue(nil)
	h.Clock.Advance(time.Hour)
	h.Pm.AddUser(processmakertest.User{Username: "robert", Password: "robert's"})
	duringARefusedMinting(h, func() {
		h.EndSession()
		signIn("robert")
	})
	l := h.Issue(nil)
	require.Equal(t, "robert", l.Data["username"])
	require.Equal(t, "robert", h.Record(l.Id()).Username)
	require.NoError(t, l.TryRevoke())
	require.False(t, h.Pm.Accepts(l.Token()))
}

// A reader does not go on as the user that its role was given meanwhile.
func ARoleThatIsGivenAnotherUserWhileAReaderWaits(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	h.Clock.Advance(time.Hour)
	bob := h.Pm.AddUser(processmakertest.User{Username: "robert", Password: "robert's"})
	duringARefusedMinting(h, func() {
		h.MustWrite("roles/ci", map[string]any{"username": bob.Username, "password": bob.Password})
		h.Issue(nil)
	})
	resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Equal(t, 409, mounttest.Status(resp, err), mounttest.Message(resp, err))
	require.Contains(t, mounttest.Message(resp, err), "changed or deleted by another request at the same time; try again")
	require.Equal(t, bob.Username, h.Issue(nil).Data["username"])
	require.Len(t, h.Pm.LiveTokens(), 4, "three leases and the session")
}

// duringARefusedMinting does something while ProcessMaker refuses the session of
// the next creation of a token.
func duringARefusedMinting(h *mounttest.Mount, do func()) {
	var done atomic.Bool
	h.Pm.Inject(processmakertest.Fault{
		On: processmakertest.CreateToken, Do: processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"Unauthenticated."}`),
		Match: func(*http.Request) bool {
			if !done.CompareAndSwap(false, true) {
				return false
			}
			do()
			return true
		},
	})
}
