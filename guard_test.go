package main

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/test/hostile"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// A parameter that is not there is refused by every path and says so, be it of a
// write, a read or a deletion: what was meant by it is not done.
func TestUnknownFieldsAreRefusedEverywhere(t *testing.T) {
	t.Parallel()
	a := hostile.NewAttack(t, thisMount)
	tried := 0
	for _, path := range a.Backend.Framework().Paths {
		for operation := range path.Operations {
			if operation == logical.ListOperation {
				continue
			}
			for _, address := range a.PathsOf(path.Pattern, "ci") {
				data := a.Wanted(operation, address)
				if data == nil {
					data = map[string]any{}
				}
				data["tll"] = "5m"
				code, text := a.Try(string(operation)+" "+address, operation, address, data)
				require.Equal(t, 400, code, "%s %s: %s", operation, address, text)
				require.Contains(t, text, `unknown field "tll"`, "%s %s", operation, address)
				tried++
			}
		}
	}
	require.Greater(t, tried, 20)
}

// Vault's own requests of leases name no fields of ours.
func TestLeasesMayHoldUnknownFields(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	l.Data["of_a_newer_release"] = "x"
	l.Renew()
	l.Data["of_a_newer_release"] = "x"
	require.NoError(t, l.TryRevoke())
	require.Empty(t, h.LiveIDs())
}

// Vault passes its own parameter on where a read says that it is no list.
func TestAReadMaySayThatItIsNoList(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	resp, err := h.Do(logical.ReadOperation, "roles/ci", map[string]any{"list": "false"})
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
}

func TestAMountThatGoesDoesNotRotate(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	h.Taint()
	token := l.Token()
	l.Renew()
	require.Equal(t, token, l.Token())
}

func TestALoweredMountMaximumBindsOldLeases(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"renew_mode": "extend"})
	l := h.Issue(nil)
	h.System.MaxLeaseTTLVal = 90 * time.Minute
	h.Clock.Advance(50 * time.Minute)
	l.Renew()
	require.Equal(t, 40*time.Minute, l.Secret.TTL)
	require.Equal(t, 90*time.Minute, l.Secret.MaxTTL)
}

func TestATokenIsNeverSentToAnotherInstance(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	elsewhere := newHarness(t)
	// As after a restored backup: the config says another instance than the
	// record does.
	moved := h.Bound("ci").Config
	moved.URL = elsewhere.Pm.URL()
	entry, err := logical.StorageEntryJSON(instance.Key, moved)
	require.NoError(t, err)
	require.NoError(t, h.Storage.Storage.Put(context.Background(), entry))
	h.ForgetAll()
	require.ErrorContains(t, l.TryRevoke(), "not configured for")
	_, err = l.TryRenew(context.Background())
	require.Error(t, err)
	require.Zero(t, elsewhere.Pm.Count())
}

func TestARenewalLogsInThoughItsCallerLeft(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	ctx, cancel := context.WithCancel(context.Background())
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.HalfRefresh()})
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.ShowToken, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		cancel()
		return status, body
	})})
	_, _ = h.Backend.HandleRequest(ctx, l.RenewRequest(0))
	require.Error(t, ctx.Err())
	require.Len(t, h.LiveIDs(), 1, "the role's login replaced the lost pair")
	require.Equal(t, h.RecordedIDs(), h.LiveIDs())
}

func TestASlowRefreshDoesNotLengthenTheLease(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"max_ttl": "90m"})
	l := h.Issue(nil)
	h.Clock.Advance(50 * time.Minute)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		h.Clock.Advance(10 * time.Minute)
		return status, body
	})})
	l.Renew()
	require.Equal(t, 30*time.Minute, l.Secret.TTL, "counted from when Vault gets the answer")
}

func TestAPanickingLoginProvesNothing(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	bound := *h.Bound("ci")
	bound.Instance = &instance.Instance{Config: bound.Config}
	require.Panics(t, func() { _, _ = h.Backend.Engine().Tokens.Login(context.Background(), &bound) })
	_, err := bound.Gate.Enter(context.Background(), h.Clock.Now)
	require.NoError(t, err, "the others are not kept waiting")
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = bound.Gate.Enter(over, h.Clock.Now)
	require.ErrorIs(t, err, context.Canceled, "one at a time goes on trying")
}

func TestOtherPartsOfTheFingerprintCountToo(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	h.MustWrite("roles/ci", map[string]any{"credential_type": "personal_access_token"})
	_, err := l.TryRenew(context.Background())
	require.ErrorContains(t, err, "credential_type was changed")
	require.Equal(t, "session_user_id", fingerprint(l).Differs(func() (f ledger.Fingerprint) { f = fingerprint(l); f.SessionUserID = "2"; return }()))
	require.Equal(t, "user_id", fingerprint(l).Differs(func() (f ledger.Fingerprint) { f = fingerprint(l); f.UserID = "2"; return }()))
	require.Equal(t, "grant_type", fingerprint(l).Differs(func() (f ledger.Fingerprint) { f = fingerprint(l); f.GrantType = "x"; return }()))
}

func TestOddLifetimesInAnAnswerDoNotLoseItsToken(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{`31536000.0`, `"abc"`, `{}`, `1e400`, `null`, `[1]`} {
		h := newReadyHarness(t, nil)
		h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
			return status, replaceExpiresIn(body, odd)
		})})
		l := h.Issue(nil)
		require.True(t, h.Pm.Accepts(l.Token()), odd)
	}
}

func TestATokenThatVerifyCannotEndIsReported(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.HTMLPage(502)})
	h.Storage.FailPuts(mounttest.AnyKey)
	_, err := h.Do(logical.UpdateOperation, "roles/ci", map[string]any{"verify": true})
	require.Error(t, err)
	require.Contains(t, h.Log.String(), h.LiveIDs()[0])
	require.Contains(t, h.Log.String(), "by hand")
	require.Contains(t, h.Log.String(), h.Pm.URL())
	require.Contains(t, h.Log.String(), "mount_id=5f0d43c3")
}

func fingerprint(l *mounttest.Lease) ledger.Fingerprint { return l.H.Record(l.Id()).Fingerprint }

func replaceExpiresIn(body []byte, with string) []byte {
	return regexp.MustCompile(`"expires_in":[0-9]+`).ReplaceAll(body, []byte(`"expires_in":`+with))
}

func TestMisfitValuesAreNotQuoted(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	for _, path := range []string{"config", "roles/ci"} {
		for _, fields := range []map[string]*framework.FieldSchema{configFields(), roleFields()} {
			for name := range fields {
				for _, value := range []any{map[string]any{"S3CRET": "S3CRET"}, []any{map[string]any{"S3CRET": 1}}, []string{"S3CRET", "S3CRET"}} {
					req := &logical.Request{Operation: logical.UpdateOperation, Path: path, Storage: h.Storage, Data: map[string]any{name: value}}
					_, _, err := h.Backend.HandleExistenceCheck(context.Background(), req)
					if err != nil {
						require.NotContains(t, err.Error(), "S3CRET")
					}
					resp, err := h.Backend.HandleRequest(context.Background(), req)
					require.NotContains(t, mounttest.Message(resp, err), "S3CRET", name)
				}
			}
		}
	}
	resp, err := h.Do(logical.ReadOperation, "creds/ci", map[string]any{"ttl": "S3CRET"})
	require.Equal(t, 400, mounttest.Status(resp, err))
	require.NotContains(t, mounttest.Message(resp, err), "S3CRET")
	require.Contains(t, mounttest.Message(resp, err), `"ttl"`)
}
