package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/vault/sdk/logical"
)

// verifyRole logs in once with a role that is about to be written, and ends
// that login. A response or an error means that the role must not be written.
func (b *backend) verifyRole(ctx context.Context, req *logical.Request, name string, r *role, s *settings) (*logical.Response, error) {
	defer b.inflight.join()()
	grant, auth, err := b.login(ctx, &loadedRole{role: *r, name: name}, s)
	if err != nil {
		return upstreamAnswer(loginTrouble(name, r, auth, err, b.clock.Now())+"; nothing was stored", err)
	}
	if err := b.endOrRecord(ctx, req.Storage, s, grant.Access, name, r.fingerprint(auth.ID)); err != nil {
		return nil, fmt.Errorf("role %q: the login works, but the token it gave could neither be ended nor recorded; nothing was stored: %w", name, err)
	}
	return nil, nil
}
