package main

import (
	"context"
	"maps"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// heldLease is what Vault keeps of an issued credential.
type heldLease struct {
	h      *harness
	path   string
	secret logical.Secret
	data   map[string]any
}

func (h *harness) issue(data map[string]any) *heldLease {
	h.t.Helper()
	resp, err := h.do(logical.ReadOperation, "creds/ci", data)
	require.NoError(h.t, err)
	require.False(h.t, resp.IsError(), "%v", resp)
	return h.register("creds/ci", resp)
}

// register does what Vault does with an answer that holds a lease.
func (h *harness) register(path string, resp *logical.Response) *heldLease {
	secret := *resp.Secret
	secret.IssueTime = h.clock.Now()
	return &heldLease{h: h, path: path, secret: secret, data: resp.Data}
}

func (l *heldLease) token() string { return l.data["access_token"].(string) }

func (l *heldLease) id() ledger.ID { return ledger.ID(l.data["credential_id"].(string)) }

func (l *heldLease) renewRequest(increment time.Duration) *logical.Request {
	secret := l.secret
	secret.InternalData = maps.Clone(l.secret.InternalData)
	secret.Increment = increment
	req := logical.RenewRequest(l.path, &secret, l.data)
	req.Storage = l.h.storage
	return req
}

// tryRenew renews as Vault does: the answer replaces data and secret.
func (l *heldLease) tryRenew(ctx context.Context) (*logical.Response, error) {
	resp, err := l.h.backend.HandleRequest(ctx, l.renewRequest(0))
	l.h.tell("renew", resp, err)
	if err == nil {
		l.data, l.secret = resp.Data, *resp.Secret
	}
	return resp, err
}

func (l *heldLease) renew() *logical.Response {
	l.h.t.Helper()
	resp, err := l.tryRenew(context.Background())
	require.NoError(l.h.t, err)
	require.True(l.h.t, resp.Secret.Renewable)
	l.h.checkSchema(resp)
	return resp
}

func (l *heldLease) tryRevoke() error {
	secret := l.secret
	req := logical.RevokeRequest(l.path, &secret, l.data)
	req.Storage = l.h.storage
	resp, err := l.h.backend.HandleRequest(context.Background(), req)
	l.h.tell("revoke", resp, err)
	if err == nil && resp.IsError() {
		err = resp.Error()
	}
	return err
}
