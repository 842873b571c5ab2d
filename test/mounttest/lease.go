package mounttest

import (
	"context"
	"maps"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// Lease is what Vault keeps of an issued credential.
type Lease struct {
	H      *Mount
	Path   string
	Secret logical.Secret
	Data   map[string]any
}

func (h *Mount) Issue(data map[string]any) *Lease {
	h.T.Helper()
	resp, err := h.Do(logical.ReadOperation, "creds/ci", data)
	require.NoError(h.T, err)
	require.False(h.T, resp.IsError(), "%v", resp)
	return h.Register("creds/ci", resp)
}

// Register does what Vault does with an answer that holds a lease.
func (h *Mount) Register(path string, resp *logical.Response) *Lease {
	secret := *resp.Secret
	secret.IssueTime = h.Clock.Now()
	return &Lease{H: h, Path: path, Secret: secret, Data: resp.Data}
}

func (l *Lease) Token() string { return l.Data["access_token"].(string) }

func (l *Lease) Id() ledger.ID { return ledger.ID(l.Data["credential_id"].(string)) }

func (l *Lease) RenewRequest(increment time.Duration) *logical.Request {
	secret := l.Secret
	secret.InternalData = maps.Clone(l.Secret.InternalData)
	secret.Increment = increment
	req := logical.RenewRequest(l.Path, &secret, l.Data)
	req.Storage = l.H.Storage
	return req
}

// TryRenew renews as Vault does: the answer replaces data and secret.
func (l *Lease) TryRenew(ctx context.Context) (*logical.Response, error) {
	resp, err := l.H.Backend.HandleRequest(ctx, l.RenewRequest(0))
	l.H.tell("renew", resp, err)
	if err == nil {
		l.Data, l.Secret = resp.Data, *resp.Secret
	}
	return resp, err
}

func (l *Lease) Renew() *logical.Response {
	l.H.T.Helper()
	resp, err := l.TryRenew(context.Background())
	require.NoError(l.H.T, err)
	require.True(l.H.T, resp.Secret.Renewable)
	l.H.CheckSchema(resp)
	return resp
}

func (l *Lease) TryRevoke() error {
	secret := l.Secret
	req := logical.RevokeRequest(l.Path, &secret, l.Data)
	req.Storage = l.H.Storage
	resp, err := l.H.Backend.HandleRequest(context.Background(), req)
	l.H.tell("revoke", resp, err)
	if err == nil && resp.IsError() {
		err = resp.Error()
	}
	return err
}
