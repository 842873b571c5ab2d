package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/ledger"
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
		l.Renew()
		require.Equal(t, token, l.Token())
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
