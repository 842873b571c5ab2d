package mounttest

import (
	"context"
	"maps"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

// Lease is what Vault keeps of an issued credential, and what its reader does.
type Lease struct {
	H      *Mount
	Path   string
	Secret logical.Secret
	Data   map[string]any
	// token and id are what the reader was shown last.
	token string
	id    ledger.ID
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
	l := &Lease{H: h, Path: path}
	l.Take(&logical.Response{Secret: &secret, Data: resp.Data})
	return l
}

// Take does what Vault and the reader do with the answer of a read or a renewal: Vault's data and
// secret are replaced, and a reader who is shown no token goes on with his own.
func (l *Lease) Take(resp *logical.Response) {
	l.Data, l.Secret = resp.Data, *resp.Secret
	if token, ok := resp.Data["access_token"].(string); ok {
		l.token = token
	}
	if id, ok := resp.Data["credential_id"].(string); ok {
		l.id = ledger.ID(id)
	}
}

func (l *Lease) Token() string { return l.token }

func (l *Lease) Id() ledger.ID { return l.id }

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
		l.Take(resp)
	}
	return resp, err
}

func (l *Lease) Renew() *logical.Response {
	l.H.T.Helper()
	resp, err := l.TryRenew(context.Background())
	require.NoError(l.H.T, err)
	require.True(l.H.T, resp.Secret.Renewable)
	l.H.CheckRenewal(resp)
	return resp
}

// CheckRenewal requires that a renewal by refresh answers as fully as a read, and another nothing.
func (h *Mount) CheckRenewal(resp *logical.Response) {
	h.T.Helper()
	if resp.Secret.InternalData["renew_mode"] != string(lease.Refresh) {
		require.Empty(h.T, resp.Data, "who renews is shown no token that he does not have")
		return
	}
	h.CheckSchema(resp)
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
