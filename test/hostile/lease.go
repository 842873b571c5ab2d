package hostile

import (
	"context"
	"maps"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

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
		"list":    become([]any{mounttest.Canary}),
		"object":  become(map[string]any{"a": mounttest.Canary}),
		"empty":   become(""),
		"text":    become(mounttest.Canary),
	}
}

// asVault sends a request of Vault's own about a lease. Nothing of what the lease
// holds may be in its errors.
func asVault(l *mounttest.Lease, operation logical.Operation) (*logical.Response, error) {
	l.H.T.Helper()
	secret := l.Secret
	secret.InternalData = maps.Clone(l.Secret.InternalData)
	resp, err := l.H.Backend.HandleRequest(context.Background(), &logical.Request{
		Operation: operation, Path: l.Path, Secret: &secret, Data: maps.Clone(l.Data), Storage: l.H.Storage,
	})
	if err == nil && resp.IsError() {
		err = resp.Error()
	}
	require.NotErrorIs(l.H.T, err, telemetry.ErrPanicked)
	if err != nil {
		require.NotContains(l.H.T, err.Error(), mounttest.Canary)
	}
	return resp, err
}

// HostileLeases damages every field of a lease in every way: no panic, a
// renewal that works or says what to do, and a revocation that ends the token as
// long as anything says which it is.
func HostileLeases(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		for _, mode := range []string{"refresh", "extend"} {
			if kind == "personal_access_token" && mode == "refresh" {
				continue
			}
			t.Run(kind+" "+mode, func(t *testing.T) {
				t.Parallel()
				h := mounttest.NewReady(t, mount, map[string]any{"credential_type": kind, "renew_mode": mode})
				fresh, renewed := h.Issue(nil), h.Issue(nil)
				renewed.Renew()
				tried := 0
				for part, names := range map[string]map[string]any{
					"internal data": fresh.Secret.InternalData, "data": fresh.Data, "renewed internal data": renewed.Secret.InternalData,
				} {
					for name := range names {
						if name == "secret_type" || part == "renewed internal data" && name == "credential_id" {
							continue // the SDK's, which finds us by it; what nothing else says of a renewed lease
						}
						for how, spoil := range wrongly() {
							hostileLease(h, part+" "+name+" "+how, func(l *mounttest.Lease) {
								switch part {
								case "data":
									spoil(l.Data, name)
								case "renewed internal data":
									l.Renew()
									l.Secret.InternalData = maps.Clone(l.Secret.InternalData)
									fallthrough
								default:
									spoil(l.Secret.InternalData, name)
								}
							})
							tried++
						}
					}
				}
				hostileLease(h, "no data", func(l *mounttest.Lease) { l.Data = nil })
				require.Greater(t, tried, 100)
				require.NotContains(t, h.Log.String(), mounttest.Canary)
				require.NotContains(t, h.Log.String(), "recovered from a panic")
			})
		}
	}
}

func hostileLease(h *mounttest.Mount, what string, spoil func(*mounttest.Lease)) {
	h.T.Helper()
	l := h.Issue(nil)
	h.Clock.Advance(10 * time.Minute)
	id := l.Id()
	l.Data, l.Secret.InternalData = maps.Clone(l.Data), maps.Clone(l.Secret.InternalData)
	spoil(l)
	resp, err := asVault(l, logical.RenewOperation)
	if err != nil {
		require.ErrorContains(h.T, err, "read the role again", what)
	} else {
		h.CheckRenewal(resp)
		token, shown := resp.Data["access_token"].(string)
		if !shown {
			token = resp.Secret.InternalData["access_token"].(string)
		}
		require.True(h.T, h.Pm.Accepts(token), what)
	}
	// The renewal's answer was lost: the lease is as spoilt as before.
	tokenID := h.Record(id).TokenID
	_, err = asVault(l, logical.RevokeOperation)
	require.NoError(h.T, err, what)
	require.Nil(h.T, h.Record(id), what)
	require.NotContains(h.T, h.LiveIDs(), tokenID, what)
	for _, name := range h.LivePersonal() {
		require.NotContains(h.T, name, string(id), what)
	}
}

// A lease that says nowhere which credential it is for cannot be revoked, and the
// ledger ends the token.
func ALeaseThatNamesNoCredential(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, map[string]any{"ttl": "1h", "max_ttl": "1h"})
	h.Tick()
	for how, spoil := range wrongly() {
		l := h.Issue(nil)
		id, token := l.Id(), l.Token()
		spoil(l.Data, "credential_id")
		spoil(l.Secret.InternalData, "credential_id")
		_, err := asVault(l, logical.RenewOperation)
		require.ErrorContains(t, err, "read the role again", how)
		_, err = asVault(l, logical.RevokeOperation)
		require.ErrorContains(t, err, "the ledger ends its token", how)
		require.ErrorContains(t, err, "lease revoke -force", how)
		require.NotNil(t, h.Record(id), how)
		h.Clock.Advance(61 * time.Minute)
		h.Tick()
		require.Nil(t, h.Record(id), how)
		require.False(t, h.Pm.Accepts(token), how)
	}
}

// What the SDK looks at before us.
func LeasesOfNoKnownKind(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	secrets := map[string]*logical.Secret{"no secret": nil, "no internal data": {}}
	for how, spoil := range wrongly() {
		internal := maps.Clone(l.Secret.InternalData)
		spoil(internal, "secret_type")
		secrets["secret_type "+how] = &logical.Secret{InternalData: internal}
	}
	for what, secret := range secrets {
		for _, operation := range []logical.Operation{logical.RenewOperation, logical.RevokeOperation} {
			resp, err := h.Backend.HandleRequest(context.Background(), &logical.Request{Operation: operation, Path: l.Path, Secret: secret, Data: l.Data, Storage: h.Storage})
			require.NotEqual(t, 200, mounttest.Status(resp, err), what)
			require.NotErrorIs(t, err, telemetry.ErrPanicked, what)
		}
	}
	require.NotNil(t, h.Record(l.Id()))
	require.NotContains(t, h.Log.String(), "recovered from a panic")
}
