package main

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// ownLoginLife is how long a login of the engine's own may last at most, should
// the plugin die before it has ended it.
const ownLoginLife = 2 * time.Minute

func (r *role) loginWith(password string) client.Login {
	return client.Login{Username: r.Username, Password: password, Scopes: r.Scopes}
}

// tryLogin finds out whether a password holds.
func (b *backend) tryLogin(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings, auth authClient, password string) error {
	grant, err := s.client.For(client.Caller{Role: role.name}).PasswordGrant(ctx, auth.forClient(), role.loginWith(password))
	if err != nil {
		b.noteLostAnswer(role.name, err)
		return err
	}
	record, err := b.recordLogin(storage, role.name, &role.role, auth, grant, "rotate-role")
	if err != nil {
		b.endUnrecorded(s, grant.Access, role.name)
		return nil
	}
	b.endLogin(storage, s, record)
	return nil
}

// recordLogin puts a login of the engine's own, made for the path purpose, down
// in the ledger, so that it ends even if the plugin dies before it has ended it.
func (b *backend) recordLogin(storage logical.Storage, name string, r *role, auth authClient, grant *client.Grant, purpose string) (*ledger.Record, error) {
	record, err := b.unleasedRecord(ledger.Live, ownLoginLife, name, r.fingerprint(auth.ID))
	if err != nil {
		return nil, err
	}
	record.DisplayName, record.Username = purpose, r.Username
	hold(record, grant)
	return record, b.putRecord(storage, record)
}

// endLogin ends a recorded login. What cannot be ended now is put down as due.
func (b *backend) endLogin(storage logical.Storage, s *settings, record *ledger.Record) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	err := s.client.RevokeToken(ctx, heldToken(record))
	if err == nil {
		err = ledger.Delete(ctx, storage, record.ID)
	} else {
		b.log(hclog.Warn, aboutRecord(record), "a login could not be ended at once", "token_id", record.TokenID, "error", err)
		err = b.makeDue(ctx, storage, record)
	}
	if err != nil {
		b.log(hclog.Warn, aboutRecord(record), "the record of a login stays until its deadline", "error", err)
	}
}

// dropRecord forgets a login that is ended, or known elsewhere. Where that fails
// the ledger ends it at its deadline; a session renews itself then.
func (b *backend) dropRecord(storage logical.Storage, record *ledger.Record) {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	if err := ledger.Delete(ctx, storage, record.ID); err != nil {
		b.log(hclog.Warn, aboutRecord(record), "the record of a login stays until its deadline", "error", err)
	}
}
