package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

// revoke ends a credential at ProcessMaker. An error means that it may still
// live, and Vault tries again. It needs neither the role nor the config's
// secrets, and may be repeated.
func (b *backend) revoke(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	defer b.inflight.Join()()
	began := b.clock.Now()

	id, err := credentialOf(req)
	if err != nil {
		return nil, fmt.Errorf("%w; the ledger ends its token at its deadline, and \"vault lease revoke -force -prefix <lease_id>\" removes the lease", err)
	}
	unlock, err := b.lockRecord(ctx, ctx, id)
	if err != nil {
		return nil, err
	}
	defer unlock()

	read := b.clock.Now()
	record, err := ledger.Get(ctx, req.Storage, id)
	if err != nil {
		return nil, err
	}
	if record == nil {
		b.log(hclog.Debug, about{id: id}, "credential was already ended")
		return nil, nil
	}
	token, known := leasedToken(req, record)
	told := aboutRecord(record).startedAt(began).try(b.failures.Number(string(id)))
	if err := b.end(ctx, req.Storage, record, token, known, newTokenFinder()); err != nil {
		b.counters.add(credsRevokeFailed)
		b.log(hclog.Debug, told, "credential could not be ended", "error", err)
		if !b.handOver(ctx, req.Storage, record, token, known, err) {
			return nil, err
		}
		resp := &logical.Response{}
		resp.AddWarning(fmt.Sprintf("credential %s may still live: ProcessMaker has been unreachable for %s, and the engine ends it once it is back", id, handOverAfter))
		return resp, nil
	}
	b.forgetTrouble(id)
	// Last, so that a failure anywhere before leaves the record to try again
	// with.
	if err := b.forgetRecord(ctx, req.Storage, record, read); err != nil {
		return nil, err
	}
	b.notice(hclog.Debug, credsRevoked, told, "credential ended", "token_id", record.TokenID)
	return nil, nil
}

// end makes sure that the token of a record is dead. Where the token itself is
// not known, it is looked for by its name.
func (b *backend) end(ctx context.Context, storage logical.Storage, record *ledger.Record, token client.Token, known bool, finder *tokenFinder) error {
	if !b.clock.Now().Before(record.TokenExpireTime) {
		return nil
	}
	current, err := b.settings.load(ctx, storage, b.clock)
	if err != nil {
		return err
	}
	if current == nil || current.config.URL != record.Fingerprint.URL {
		return fmt.Errorf("credential %s lives at %s, which this mount is not configured for; write config with that url", record.ID, record.Fingerprint.URL)
	}
	if !known {
		return b.endByName(ctx, storage, current, record, finder)
	}
	if err := current.client.RevokeToken(ctx, token); err != nil {
		return fmt.Errorf("credential %s of role %q may still live: %w", record.ID, record.Role, err)
	}
	return nil
}
