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
)

func TestRefreshRenewalReplacesTheToken(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	first, id := l.token(), l.id()
	deadline := h.record(id).Deadline
	for range 3 {
		h.clock.Advance(30 * time.Minute)
		before := l.token()
		resp := l.renew()
		require.Empty(t, resp.Warnings)
		require.NotEqual(t, before, l.token())
		require.False(t, h.pm.Accepts(before))
		require.True(t, h.pm.Accepts(l.token()))
	}
	require.False(t, h.pm.Accepts(first))
	require.Equal(t, id, l.id(), "the credential stays the same")
	require.Equal(t, deadline, h.record(id).Deadline, "the deadline is fixed at issue")
	require.Equal(t, l.token(), h.record(id).AccessToken)
	require.Len(t, h.liveIDs(), 1)
	require.Equal(t, h.recordedIDs(), h.liveIDs())
	require.Equal(t, 24*time.Hour, l.secret.MaxTTL)
}

func TestExtendRenewalKeepsTheToken(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"renew_mode": "extend"})
	l := h.issue(nil)
	token := l.token()
	h.pm.ResetLog()
	for range 20 {
		h.clock.Advance(40 * time.Minute)
		l.renew()
		require.Equal(t, token, l.token())
	}
	require.Zero(t, h.pm.Count())
	// Also once the role is gone: the token is this lease's own.
	_, err := h.do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	l.renew()
}

func TestRenewalsEndAtMaxTTL(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"refresh", "extend"} {
		h := newReadyHarness(t, map[string]any{"renew_mode": mode, "ttl": "1h", "max_ttl": "90m"})
		l := h.issue(nil)
		h.clock.Advance(50 * time.Minute)
		resp := l.renew()
		require.Equal(t, 40*time.Minute, resp.Secret.TTL)
		token := l.token()
		h.pm.ResetLog()
		h.clock.Advance(39 * time.Minute)
		resp = l.renew()
		require.Equal(t, time.Minute, resp.Secret.TTL)
		require.Equal(t, token, l.token(), "a renewal that cannot lengthen the lease does not rotate")
		require.Zero(t, h.pm.Count())
		h.clock.Advance(time.Minute)
		_, err := l.tryRenew(context.Background())
		require.ErrorContains(t, err, "max_ttl")
		require.Zero(t, h.pm.Count())
	}
}

func TestLeasesWithoutRenewalRefuseIt(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"renew_mode": "none"})
	l := h.issue(nil)
	// Vault passes renewals of batch tokens' leases on unchecked.
	_, err := l.tryRenew(context.Background())
	require.ErrorContains(t, err, "renew_mode none")
}

func TestRefreshMinAge(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"refresh_min_age": "5m"})
	l := h.issue(nil)
	token := l.token()
	h.clock.Advance(5*time.Minute - time.Second)
	l.renew()
	require.Equal(t, token, l.token())
	h.clock.Advance(time.Second)
	l.renew()
	require.NotEqual(t, token, l.token())
}

func TestAnImmediateRenewalGainsNothing(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	token := l.token()
	h.clock.Advance(time.Second - 1)
	l.renew()
	require.Equal(t, token, l.token())
	h.clock.Advance(time.Second)
	resp := l.renew()
	require.NotEqual(t, token, l.token())
	require.Len(t, resp.Warnings, 1)
	require.Contains(t, resp.Warnings[0], "only 2s old")

	h.clock.Advance(6 * time.Minute)
	require.Empty(t, l.renew().Warnings)
}

func TestARenewalIsFinishedWithoutItsCaller(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.clock.Advance(30 * time.Minute)
	ctx, cancel := context.WithCancel(context.Background())
	h.pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		cancel()
		return status, body
	})})
	_, _ = h.backend.HandleRequest(ctx, l.renewRequest(0))
	require.Equal(t, h.recordedIDs(), h.liveIDs(), "the new pair was stored although nobody waited")
	h.clock.Advance(time.Minute)
	l.renew()
	require.True(t, h.pm.Accepts(l.token()))
	require.Len(t, h.liveIDs(), 1)
}

func TestParallelRenewalsOfOneLease(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.clock.Advance(30 * time.Minute)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := h.backend.HandleRequest(context.Background(), l.renewRequest(0)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Zero(t, h.pm.OverlappingRefreshes())
	require.Len(t, h.liveIDs(), 1)
	require.Equal(t, h.recordedIDs(), h.liveIDs())
	require.Zero(t, h.backend.Engine().Ledger.LocksInUse())
}

func TestRenewalsRacingRevocation(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	for range 10 {
		l := h.issue(nil)
		h.clock.Advance(30 * time.Minute)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = h.backend.HandleRequest(context.Background(), l.renewRequest(0)) })
		wg.Go(func() {
			if err := l.tryRevoke(); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		require.Empty(t, h.liveIDs())
		require.Empty(t, h.recordedIDs())
	}
}

func TestRenewalsOfAChangedRole(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(h *harness)
		says   string
	}{
		"deleted": {func(h *harness) { _, _ = h.do(logical.DeleteOperation, "roles/ci", nil) }, "was deleted"},
		"another user": {func(h *harness) {
			h.mustWrite("roles/ci", map[string]any{"username": "admin", "password": h.pm.User("admin").Password})
		}, "username was changed"},
		"another client": {func(h *harness) {
			h.mustWrite("roles/ci", map[string]any{"client_id": "4", "client_secret": h.pm.Client(4).Secret})
		}, "client_id was changed"},
		"another client in the config": {func(h *harness) {
			h.mustWrite("config", map[string]any{"client_id": "4", "client_secret": h.pm.Client(4).Secret})
		}, "client_id was changed"},
		"config deleted":    {func(h *harness) { _, _ = h.do(logical.DeleteOperation, "config", nil) }, "config was deleted"},
		"only the password": {func(h *harness) { h.mustWrite("roles/ci", map[string]any{"password": "later"}) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			l := h.issue(nil)
			token := l.token()
			h.clock.Advance(30 * time.Minute)
			test.change(h)
			_, err := l.tryRenew(context.Background())
			if test.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.says)
				require.True(t, h.pm.Accepts(token))
			}
			require.NoError(t, l.tryRevoke())
			require.Empty(t, h.liveIDs())
		})
	}
}

func TestARenewalOfAnEndedCredentialFails(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"refresh", "extend"} {
		h := newReadyHarness(t, map[string]any{"renew_mode": mode})
		l := h.issue(nil)
		require.NoError(t, l.tryRevoke())
		_, err := l.tryRenew(context.Background())
		require.ErrorContains(t, err, "read the role again")
	}
}

func TestRenewalsWithoutWhatALeaseHolds(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	l.secret.InternalData = map[string]any{"secret_type": credentialSecretType, "credential_id": "../config"}
	delete(l.data, "credential_id")
	_, err := l.tryRenew(context.Background())
	require.ErrorContains(t, err, "names no credential")
	require.ErrorContains(t, l.tryRevoke(), "names no credential")
}

func TestACredentialThatIsDueIsNotRenewed(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	record := h.record(l.id())
	record.State = ledger.Due
	require.NoError(t, h.backend.Engine().Ledger.Put(record))
	_, err := l.tryRenew(context.Background())
	require.ErrorContains(t, err, "read the role again")
	require.NoError(t, l.tryRevoke())
}
