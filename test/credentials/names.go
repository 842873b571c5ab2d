package credentials

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// EveryTokenOfANameIsEnded: the holder of a token makes more of the same name.
func EveryTokenOfANameIsEnded(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for _, kind := range []string{"leased", "static"} {
		h := mounttest.NewPersonal(t, mount, map[string]any{"rotation_period": "1h"})
		var id, value string
		if kind == "leased" {
			l := h.Issue(nil)
			id, value = string(l.Id()), l.Token()
		} else {
			read := h.Read("static-creds/ci")
			id, value = read["credential_id"].(string), read["access_token"].(string)
		}
		bound, record := h.Bound("ci"), h.Record(h.RecordIDs()[0])
		bearer := record.Token()
		bearer.Value = value
		for range 3 {
			_, err := bound.Client.CreatePersonalToken(context.Background(), bearer, record.UserID, record.TokenName)
			require.NoError(t, err)
		}
		h.Clock.Advance(5 * time.Minute)
		h.MustWrite("credentials/"+id+"/revoke", nil)
		require.Empty(t, h.LivePersonal(), kind)
	}
}

// ATokenWithoutANameIsEndedOnceItIsOld: ProcessMaker names a token after storing it.
func ATokenWithoutANameIsEndedOnceItIsOld(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.HalfCreation(processmakertest.Effect{})})
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Len(t, h.LiveIDs(), 2, "the session, and the token without a name")
	// Young, it may be another's that is getting its name. Its record waits for it.
	h.Clock.Advance(credential.MintingTime + time.Second)
	h.Tick()
	require.Len(t, h.LiveIDs(), 2)
	require.Len(t, h.RecordIDs(), 1)
	// As does it for one that could not be ended.
	h.Clock.Advance(4 * time.Minute)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.Refuse()})
	h.Tick()
	require.Len(t, h.LiveIDs(), 2)
	require.Len(t, h.RecordIDs(), 1)
	h.Clock.Advance(time.Minute)
	h.Tick()
	require.Len(t, h.LiveIDs(), 1)
	require.Empty(t, h.RecordIDs())
}

// ALookupThatTheRolesUserMayNotMake leaves a way out: the role was given another user since.
func ALookupThatTheRolesUserMayNotMake(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.LoseAnswer()})
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	h.MustWrite("roles/ci", map[string]any{"username": "forcechange", "password": h.Pm.User("forcechange").Password})
	h.Clock.Advance(time.Hour)
	h.Tick()
	require.Len(t, h.RecordIDs(), 1)
	revoke := "credentials/" + string(h.RecordIDs()[0]) + "/revoke"
	resp, err := h.Do(logical.UpdateOperation, revoke, nil)
	require.Contains(t, mounttest.Message(resp, err), "may not look for it")
	require.Contains(t, mounttest.Message(resp, err), "force=true")
	h.MustWrite(revoke, map[string]any{"force": true})
	require.Empty(t, h.RecordIDs())
	require.EqualValues(t, 1, h.Read("status")["unaccounted"])
}

// AMountWithoutAMaximumIssuesNothing: a question to Vault that failed is no term.
func AMountWithoutAMaximumIssuesNothing(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.System.MaxLeaseTTLVal = 0
	h.Clock.Advance(time.Minute)
	resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Equal(t, 500, mounttest.Status(resp, err), mounttest.Message(resp, err))
	_, err = l.TryRenew(context.Background())
	require.ErrorContains(t, err, "maximum")
	require.Len(t, h.LiveIDs(), 1)
}

// ALeaseEndsBeforeTheDeadlineOfASlowMinting.
func ALeaseEndsBeforeTheDeadlineOfASlowMinting(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	h.Issue(nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		h.Clock.Advance(75 * time.Second)
		return status, body
	})})
	l := h.Issue(nil)
	last := h.Record(l.Id()).Deadline.Add(-lease.DeadlineSlack)
	require.False(t, h.Clock.Now().Add(l.Secret.TTL).After(last))
	require.False(t, h.Clock.Now().Add(l.Secret.MaxTTL).After(last))
}

// AMintingThatOutlastsItsLeaseIssuesNothing: Vault makes its longest lease of a TTL of 0.
func AMintingThatOutlastsItsLeaseIssuesNothing(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, map[string]any{"ttl": "1m", "max_ttl": "1m"})
	h.Issue(nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		h.Clock.Advance(75 * time.Second)
		return status, body
	})})
	live, kept := len(h.Pm.LiveTokens()), h.LiveIDs()
	resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Contains(t, mounttest.Message(resp, err), "longer than its lease")
	require.Len(t, h.Pm.LiveTokens(), live)
	require.Equal(t, kept, h.LiveIDs())
}

// AMissingUserIsNamed in the message about it.
func AMissingUserIsNamed(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.New(t, mount)
	h.MustWrite("config", h.ConfigData())
	h.MustWrite("roles/ci", map[string]any{"username": "admin", "password": h.Pm.User("admin").Password, "credential_type": "personal_access_token", "user_id": "999"})
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "ProcessMaker has no user 999")
}

// ALookupIsNotNeededForOthersToBeEnded: the lost token's session is throttled.
func ALookupIsNotNeededForOthersToBeEnded(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.MustWrite("roles/login", h.RoleData(nil))
	h.Issue(nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.LoseAnswer()})
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	h.Clock.Advance(time.Minute)
	resp, err := h.Do(logical.ReadOperation, "creds/login", nil)
	require.NoError(t, err)
	leased := resp.Data["access_token"].(string)
	h.Pm.RevokeTokenByID(h.Session().TokenID)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.AnyToken, Times: -1, Do: processmakertest.Throttled(60)})
	h.Clock.Advance(26 * time.Hour)
	h.Tick()
	require.False(t, h.Pm.Accepts(leased), "it needs no token call")
}
