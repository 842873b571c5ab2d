package main

import (
	"context"
	"maps"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/internal/telemetry"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// wrongly are what can have become of one field of a lease.
func wrongly() map[string]func(fields map[string]any, name string) {
	become := func(value any) func(map[string]any, string) {
		return func(fields map[string]any, name string) { fields[name] = value }
	}
	return map[string]func(map[string]any, string){
		"missing": func(fields map[string]any, name string) { delete(fields, name) },
		"null":    become(nil),
		"number":  become(7.5),
		"truth":   become(true),
		"list":    become([]any{canary}),
		"object":  become(map[string]any{"a": canary}),
		"empty":   become(""),
		"text":    become(canary),
	}
}

// asVault sends a request of Vault's own about a lease. Nothing of what the lease
// holds may be in its errors.
func asVault(l *heldLease, operation logical.Operation) (*logical.Response, error) {
	l.h.t.Helper()
	secret := l.secret
	secret.InternalData = maps.Clone(l.secret.InternalData)
	resp, err := l.h.backend.HandleRequest(context.Background(), &logical.Request{
		Operation: operation, Path: l.path, Secret: &secret, Data: maps.Clone(l.data), Storage: l.h.storage,
	})
	if err == nil && resp.IsError() {
		err = resp.Error()
	}
	require.NotErrorIs(l.h.t, err, telemetry.ErrPanicked)
	if err != nil {
		require.NotContains(l.h.t, err.Error(), canary)
	}
	return resp, err
}

// TestHostileLeases damages every field of a lease in every way: no panic, a
// renewal that works or says what to do, and a revocation that ends the token as
// long as anything says which it is.
func TestHostileLeases(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		for _, mode := range []string{"refresh", "extend"} {
			if kind == "personal_access_token" && mode == "refresh" {
				continue
			}
			t.Run(kind+" "+mode, func(t *testing.T) {
				t.Parallel()
				h := newReadyHarness(t, map[string]any{"credential_type": kind, "renew_mode": mode})
				fresh := h.issue(nil)
				tried := 0
				for _, part := range []string{"internal data", "data"} {
					names := fresh.secret.InternalData
					if part == "data" {
						names = fresh.data
					}
					for name := range names {
						if name == "secret_type" {
							continue // the SDK's, which finds us by it
						}
						for how, spoil := range wrongly() {
							hostileLease(h, part+" "+name+" "+how, func(l *heldLease) {
								if part == "data" {
									spoil(l.data, name)
								} else {
									spoil(l.secret.InternalData, name)
								}
							})
							tried++
						}
					}
				}
				hostileLease(h, "no data", func(l *heldLease) { l.data = nil })
				require.Greater(t, tried, 100)
				require.NotContains(t, h.log.String(), canary)
				require.NotContains(t, h.log.String(), "recovered from a panic")
			})
		}
	}
}

func hostileLease(h *harness, what string, spoil func(*heldLease)) {
	h.t.Helper()
	l := h.issue(nil)
	h.clock.Advance(10 * time.Minute)
	id := l.id()
	l.data, l.secret.InternalData = maps.Clone(l.data), maps.Clone(l.secret.InternalData)
	spoil(l)
	resp, err := asVault(l, logical.RenewOperation)
	if err != nil {
		require.ErrorContains(h.t, err, "read the role again", what)
	} else {
		h.checkSchema(resp)
		require.Equal(h.t, "Bearer", resp.Data["token_type"], what)
		require.True(h.t, h.pm.Accepts(resp.Data["access_token"].(string)), what)
	}
	// The renewal's answer was lost: the lease is as spoilt as before.
	tokenID := h.record(id).TokenID
	_, err = asVault(l, logical.RevokeOperation)
	require.NoError(h.t, err, what)
	require.Nil(h.t, h.record(id), what)
	require.NotContains(h.t, h.liveIDs(), tokenID, what)
	for _, name := range h.livePersonal() {
		require.NotContains(h.t, name, string(id), what)
	}
}

// A lease that says nowhere which credential it is for cannot be revoked, and the
// ledger ends the token.
func TestALeaseThatNamesNoCredential(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	h.tick()
	for how, spoil := range wrongly() {
		l := h.issue(nil)
		id, token := l.id(), l.token()
		spoil(l.data, "credential_id")
		spoil(l.secret.InternalData, internalCredentialID)
		_, err := asVault(l, logical.RenewOperation)
		require.ErrorContains(t, err, "read the role again", how)
		_, err = asVault(l, logical.RevokeOperation)
		require.ErrorContains(t, err, "the ledger ends its token", how)
		require.ErrorContains(t, err, "lease revoke -force", how)
		require.NotNil(t, h.record(id), how)
		h.clock.Advance(61 * time.Minute)
		h.tick()
		require.Nil(t, h.record(id), how)
		require.False(t, h.pm.Accepts(token), how)
	}
}

// What the SDK looks at before us.
func TestLeasesOfNoKnownKind(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	secrets := map[string]*logical.Secret{"no secret": nil, "no internal data": {}}
	for how, spoil := range wrongly() {
		internal := maps.Clone(l.secret.InternalData)
		spoil(internal, "secret_type")
		secrets["secret_type "+how] = &logical.Secret{InternalData: internal}
	}
	for what, secret := range secrets {
		for _, operation := range []logical.Operation{logical.RenewOperation, logical.RevokeOperation} {
			resp, err := h.backend.HandleRequest(context.Background(), &logical.Request{Operation: operation, Path: l.path, Secret: secret, Data: l.data, Storage: h.storage})
			require.NotEqual(t, 200, status(resp, err), what)
			require.NotErrorIs(t, err, telemetry.ErrPanicked, what)
		}
	}
	require.NotNil(t, h.record(l.id()))
	require.NotContains(t, h.log.String(), "recovered from a panic")
}
