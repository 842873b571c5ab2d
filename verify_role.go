package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
)

// verifyRole logs in once with a role that is about to be written, and ends
// that login. A response or an error means that the role must not be written.
func (b *backend) verifyRole(ctx context.Context, req *logical.Request, name string, r *role, s *settings) (*logical.Response, error) {
	defer b.inflight.Join()()
	auth, err := r.authClient(s)
	if err != nil {
		return nil, err
	}
	// Not as the role logs in otherwise: the password as it was typed counts.
	grant, err := s.client.For(client.Caller{Role: name}).PasswordGrant(ctx, auth.forClient(), r.loginWith(r.Password))
	if err != nil {
		b.noteLostAnswer(name, err)
		return upstreamAnswer(loginTrouble(name, r, auth, err, b.clock.Now())+"; nothing was stored", err)
	}
	record, err := b.recordLogin(req.Storage, name, r, auth, grant, "roles")
	if err != nil {
		b.endUnrecorded(s, grant.Access, name)
		return nil, fmt.Errorf("role %q: the login works, but could not be recorded; nothing was stored: %w", name, err)
	}
	b.endLogin(req.Storage, s, record)
	return nil, nil
}
