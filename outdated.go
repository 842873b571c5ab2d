package main

import (
	"context"
	"errors"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// endOutdated ends the session and the shared credential that a role has from
// when it was another, or from when there was one. It goes by what is stored, so
// that it can be repeated: a plugin may be killed right after the role's write.
// former is the auth client that the role had then; where that is another, the
// access token is ended all the same.
func (b *backend) endOutdated(ctx context.Context, storage logical.Storage, name string, former authClient, s *settings) error {
	outdated := func(held ledger.Fingerprint) bool {
		if held.URL != s.config.URL {
			return false // and not to be sent to another instance
		}
		role, err := b.roles.load(ctx, storage, name)
		if err != nil || role == nil {
			return err == nil
		}
		auth, err := role.authClient(s)
		return err == nil && held != role.fingerprint(auth.ID)
	}
	return errors.Join(
		b.dropStatic(ctx, storage, name, s, outdated),
		b.dropSession(ctx, storage, name, former, s, outdated),
	)
}

func anyFingerprint(ledger.Fingerprint) bool { return true }
