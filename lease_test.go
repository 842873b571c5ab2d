package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

func TestRefreshRenewalReplacesTheToken(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	first, id := l.Token(), l.Id()
	deadline := h.Record(id).Deadline
	for range 3 {
		h.Clock.Advance(30 * time.Minute)
		before := l.Token()
		resp := l.Renew()
		require.Empty(t, resp.Warnings)
		require.NotEqual(t, before, l.Token())
		require.False(t, h.Pm.Accepts(before))
		require.True(t, h.Pm.Accepts(l.Token()))
	}
	require.False(t, h.Pm.Accepts(first))
	require.Equal(t, id, l.Id(), "the credential stays the same")
	require.Equal(t, deadline, h.Record(id).Deadline, "the deadline is fixed at issue")
	require.Equal(t, l.Token(), h.Record(id).AccessToken)
	require.Len(t, h.LiveIDs(), 1)
	require.Equal(t, h.RecordedIDs(), h.LiveIDs())
	require.Equal(t, 24*time.Hour, l.Secret.MaxTTL)
}

func TestExtendRenewalKeepsTheToken(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"renew_mode": "extend"})
	l := h.Issue(nil)
	token := l.Token()
	h.Pm.ResetLog()
	for range 20 {
		h.Clock.Advance(40 * time.Minute)
		require.Empty(t, l.Renew().Data)
		require.True(t, h.Pm.Accepts(token))
	}
	require.Zero(t, h.Pm.Count())
	// Also once the role is gone: the token is this lease's own.
	_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	l.Renew()
}

func TestRenewalsEndAtMaxTTL(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"refresh", "extend"} {
		h := newReadyHarness(t, map[string]any{"renew_mode": mode, "ttl": "1h", "max_ttl": "90m"})
		l := h.Issue(nil)
		h.Clock.Advance(50 * time.Minute)
		resp := l.Renew()
		require.Equal(t, 40*time.Minute, resp.Secret.TTL)
		token := l.Token()
		h.Pm.ResetLog()
		h.Clock.Advance(39 * time.Minute)
		resp = l.Renew()
		require.Equal(t, time.Minute, resp.Secret.TTL)
		require.Equal(t, token, l.Token(), "a renewal that cannot lengthen the lease does not rotate")
		require.Zero(t, h.Pm.Count())
		h.Clock.Advance(time.Minute)
		_, err := l.TryRenew(context.Background())
		require.ErrorContains(t, err, "max_ttl")
		require.Zero(t, h.Pm.Count())
	}
}

func TestLeasesWithoutRenewalRefuseIt(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"renew_mode": "none"})
	l := h.Issue(nil)
	// Vault passes renewals of batch tokens' leases on unchecked.
	_, err := l.TryRenew(context.Background())
	require.ErrorContains(t, err, "renew_mode none")
}

func TestRefreshMinAge(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"refresh_min_age": "5m"})
	l := h.Issue(nil)
	token := l.Token()
	h.Clock.Advance(5*time.Minute - time.Second)
	l.Renew()
	require.Equal(t, token, l.Token())
	h.Clock.Advance(time.Second)
	l.Renew()
	require.NotEqual(t, token, l.Token())
}

func TestAnImmediateRenewalGainsNothing(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	token := l.Token()
	h.Clock.Advance(time.Second - 1)
	l.Renew()
	require.Equal(t, token, l.Token())
	h.Clock.Advance(time.Second)
	resp := l.Renew()
	require.NotEqual(t, token, l.Token())
	require.Len(t, resp.Warnings, 1)
	require.Contains(t, resp.Warnings[0], "only 2s old")

	h.Clock.Advance(6 * time.Minute)
	require.Empty(t, l.Renew().Warnings)
}

func TestARenewalIsFinishedWithoutItsCaller(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	ctx, cancel := context.WithCancel(context.Background())
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		cancel()
		return status, body
	})})
	_, _ = h.Backend.HandleRequest(ctx, l.RenewRequest(0))
	require.Equal(t, h.RecordedIDs(), h.LiveIDs(), "the new pair was stored although nobody waited")
	h.Clock.Advance(time.Minute)
	l.Renew()
	require.True(t, h.Pm.Accepts(l.Token()))
	require.Len(t, h.LiveIDs(), 1)
}

func TestParallelRenewalsOfOneLease(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := h.Backend.HandleRequest(context.Background(), l.RenewRequest(0)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Zero(t, h.Pm.OverlappingRefreshes())
	require.Len(t, h.LiveIDs(), 1)
	require.Equal(t, h.RecordedIDs(), h.LiveIDs())
	require.Zero(t, h.Backend.Engine().Ledger.LocksInUse())
}

func TestRenewalsRacingRevocation(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	for range 10 {
		l := h.Issue(nil)
		h.Clock.Advance(30 * time.Minute)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = h.Backend.HandleRequest(context.Background(), l.RenewRequest(0)) })
		wg.Go(func() {
			if err := l.TryRevoke(); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		require.Empty(t, h.LiveIDs())
		require.Empty(t, h.RecordedIDs())
	}
}

func TestRenewalsOfAChangedRole(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(h *mounttest.Mount)
		says   string
	}{
		"deleted": {func(h *mounttest.Mount) { _, _ = h.Do(logical.DeleteOperation, "roles/ci", nil) }, "was deleted"},
		"another user": {func(h *mounttest.Mount) {
			h.MustWrite("roles/ci", map[string]any{"username": "admin", "password": h.Pm.User("admin").Password})
		}, "username was changed"},
		"another client": {func(h *mounttest.Mount) {
			h.MustWrite("roles/ci", map[string]any{"client_id": "4", "client_secret": h.Pm.Client(4).Secret})
		}, "client_id was changed"},
		"another client in the config": {func(h *mounttest.Mount) {
			h.MustWrite("config", map[string]any{"client_id": "4", "client_secret": h.Pm.Client(4).Secret})
		}, "client_id was changed"},
		"config deleted":    {func(h *mounttest.Mount) { _, _ = h.Do(logical.DeleteOperation, "config", nil) }, "config was deleted"},
		"only the password": {func(h *mounttest.Mount) { h.MustWrite("roles/ci", map[string]any{"password": "later"}) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			l := h.Issue(nil)
			token := l.Token()
			h.Clock.Advance(30 * time.Minute)
			test.change(h)
			_, err := l.TryRenew(context.Background())
			if test.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.says)
				require.True(t, h.Pm.Accepts(token))
			}
			require.NoError(t, l.TryRevoke())
			require.Empty(t, h.LiveIDs())
		})
	}
}

func TestARenewalOfAnEndedCredentialFails(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"refresh", "extend"} {
		h := newReadyHarness(t, map[string]any{"renew_mode": mode})
		l := h.Issue(nil)
		require.NoError(t, l.TryRevoke())
		_, err := l.TryRenew(context.Background())
		require.ErrorContains(t, err, "read the role again")
	}
}

func TestRenewalsWithoutWhatALeaseHolds(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	l.Secret.InternalData = map[string]any{"secret_type": credentialSecretType, "credential_id": "../config"}
	delete(l.Data, "credential_id")
	_, err := l.TryRenew(context.Background())
	require.ErrorContains(t, err, "names no credential")
	require.ErrorContains(t, l.TryRevoke(), "names no credential")
}

func TestACredentialThatIsDueIsNotRenewed(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	record := h.Record(l.Id())
	record.State = ledger.Due
	require.NoError(t, h.Backend.Engine().Ledger.Put(record))
	_, err := l.TryRenew(context.Background())
	require.ErrorContains(t, err, "read the role again")
	require.NoError(t, l.TryRevoke())
}

func TestRevokeEndsTheToken(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"4.15.5", "4.6.0"} {
		h := newReadyHarness(t, nil, func(c *processmakertest.Config) { c.Release = release })
		l := h.Issue(nil)
		require.NoError(t, l.TryRevoke())
		require.False(t, h.Pm.Accepts(l.Token()))
		require.Empty(t, h.RecordIDs())
		require.NoError(t, l.TryRevoke(), "twice is once")
	}
}

func TestRevokeWorksWithoutRoleAndConfig(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	resp, err := h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.Contains(t, resp.Warnings[0], "1 credentials still live")
	require.Nil(t, h.Read("config"))
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "config first")

	// A plugin that starts anew knows no more than storage does.
	h.ForgetAll()
	require.NoError(t, l.TryRevoke())
	require.Empty(t, h.LiveIDs())
}

func TestRevokeOutcomes(t *testing.T) {
	t.Parallel()
	const end, ask = processmakertest.DeleteToken, processmakertest.ShowToken
	for name, test := range map[string]struct {
		arrange func(h *mounttest.Mount, l *mounttest.Lease)
		says    string
	}{
		"ended by hand before": {func(h *mounttest.Mount, l *mounttest.Lease) { h.Pm.RevokeTokenByID(l.Data["token_id"].(string)) }, ""},
		"user deleted":         {func(h *mounttest.Mount, _ *mounttest.Lease) { h.Pm.DeleteUser("alice") }, ""},
		"client deleted":       {func(h *mounttest.Mount, _ *mounttest.Lease) { h.Pm.RevokeClient(3) }, ""},
		"signing key changed":  {func(h *mounttest.Mount, _ *mounttest.Lease) { h.Pm.RotatePassportKey() }, ""},
		"row purged": {func(h *mounttest.Mount, l *mounttest.Lease) {
			h.Pm.RevokeTokenByID(l.Data["token_id"].(string))
			h.Pm.PurgeRevoked()
		}, ""},
		"down":        {func(h *mounttest.Mount, _ *mounttest.Lease) { h.GoDown() }, "cannot be reached|connection refused"},
		"answer lost": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.LoseAnswer())(h) }, "may still live"},
		"throttled":   {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.Throttled(5))(h) }, "throttled"},
		"proxy's 401": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.HTMLPage(401))(h) }, "not JSON"},
		"another JSON 401": {func(h *mounttest.Mount, _ *mounttest.Lease) {
			mounttest.Inject(end, processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"expired"}`))(h)
		}, "may still live"},
		"500 and not done": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.ServerError())(h) }, "still accepted"},
		"404 and alive": {func(h *mounttest.Mount, _ *mounttest.Lease) {
			mounttest.Inject(end, processmakertest.Answer(404, mounttest.JsonHeader(), `{"error":"Not Found"}`))(h)
		}, "still accepted"},
		"proxy's 500": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.HTMLPage(500))(h) }, "may still live"},
		"forbidden": {func(h *mounttest.Mount, _ *mounttest.Lease) {
			mounttest.Inject(end, processmakertest.Answer(403, mounttest.JsonHeader(), `{}`))(h)
		}, "forbidden"},
		"a page instead": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.HTMLPage(200))(h) }, "not JSON"},
		"redirect": {func(h *mounttest.Mount, _ *mounttest.Lease) {
			mounttest.Inject(end, processmakertest.Redirect("/login"))(h)
		}, "redirect"},
		"500, then trouble": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(ask, processmakertest.ServerError())(h) }, "may still live"},
		"500, then a page":  {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(ask, processmakertest.HTMLPage(200))(h) }, "may still live"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			l := h.Issue(nil)
			h.Clock.Advance(time.Minute)
			test.arrange(h, l)
			err := l.TryRevoke()
			if test.says == "" {
				require.NoError(t, err)
				require.Empty(t, h.RecordIDs())
				require.False(t, h.Pm.Accepts(l.Token()))
				return
			}
			require.Error(t, err)
			require.Regexp(t, test.says, err.Error())
			require.Contains(t, err.Error(), `role "ci"`)
			require.Len(t, h.RecordIDs(), 1, "what may live stays known")

			// Once the trouble is over, Vault's next try succeeds.
			require.NoError(t, h.Pm.GoOnline())
			h.Clock.Advance(time.Minute)
			require.NoError(t, l.TryRevoke())
			require.Empty(t, h.LiveIDs())
		})
	}
}

func TestAYoungTokenThatIsRefusedIsAskedAgain(t *testing.T) {
	t.Parallel()
	// Behind several app servers a new token can be refused by one whose
	// clock is behind.
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"Unauthenticated."}`)})
	require.NoError(t, l.TryRevoke())
	require.Equal(t, 2, h.Pm.Count(processmakertest.DeleteToken))
	require.False(t, h.Pm.Accepts(l.Token()))
	require.Equal(t, []time.Duration{2 * time.Second}, h.Clock.Slept())
}

func TestATokenPastItsEndNeedsNoCall(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Pm.GoOffline()
	h.Pm.ResetLog()
	h.Clock.Advance(366 * 24 * time.Hour)
	require.NoError(t, l.TryRevoke())
	require.Zero(t, h.Pm.Count())
	require.Empty(t, h.RecordIDs())
}

func TestTheRecordGoesLast(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Storage.FailDeletes(true)
	require.Error(t, l.TryRevoke())
	require.Len(t, h.RecordIDs(), 1)
	h.Storage.FailDeletes(false)
	require.NoError(t, l.TryRevoke())
	require.Empty(t, h.RecordIDs())
}

func TestRevocationsNeverTakeMoreThanTheirLane(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("config", map[string]any{"max_concurrent_requests": 8})
	var leases []*mounttest.Lease
	for range 60 {
		leases = append(leases, h.Issue(nil))
	}
	h.Pm.ResetLog()
	release := make(chan struct{})
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Hold(release)})
	var wg sync.WaitGroup
	for _, l := range leases {
		wg.Go(func() {
			if err := l.TryRevoke(); err != nil {
				t.Error(err)
			}
		})
	}
	// While every place of the lane is taken, reads go on.
	for range 10 {
		h.Issue(nil)
	}
	close(release)
	wg.Wait()
	require.LessOrEqual(t, h.Pm.PeakInFlight(processmakertest.DeleteToken, processmakertest.ShowToken), 4)
	require.Len(t, h.LiveIDs(), 10)
}
