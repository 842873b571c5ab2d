package main

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

const (
	// handOverAfter is how long a revocation fails before the ledger takes it
	// over. Vault gives up after about ten minutes and calls the lease
	// irrevocable from then on.
	handOverAfter = 5 * time.Minute
	// forgetFailuresAfter is longer than Vault repeats a revocation.
	forgetFailuresAfter = 24 * time.Hour
)

// handOver puts a credential that cannot be revoked now down as due, so that
// the ledger ends it once ProcessMaker is back, and Vault can let go of the
// lease. It tells whether it did. While the mount is being unmounted it does
// not: the ledger goes with the mount.
func (b *backend) handOver(ctx context.Context, storage logical.Storage, record *ledger.Record, token client.Token, known bool, failure error) bool {
	now := b.clock.Now()
	since := b.failures.Failed(string(record.ID), now, client.KindOf(failure) == client.Unavailable)
	if since.IsZero() || now.Sub(since) < handOverAfter || b.System().Tainted() {
		return false
	}
	if err := b.recordOvertaken(storage, record); err != nil {
		b.log(hclog.Debug, aboutRecord(record), "a revocation is not handed over", "error", err)
		return false
	}
	due := *record
	if known {
		// The lease, which holds a personal access token, is about to go.
		hold(&due, &client.Grant{Access: token})
	}
	if err := b.makeDue(ctx, storage, &due); err != nil {
		b.log(hclog.Warn, aboutRecord(record), "a revocation could not be handed over to the ledger", "error", err)
		return false
	}
	b.forgetTrouble(record.ID)
	b.notice(hclog.Warn, ledgerDue, aboutRecord(record), "ProcessMaker has been unreachable; the credential is ended by the ledger once it is back", "due_as", due.ID, "token_id", token.ID)
	return true
}

// forgetTrouble drops what memory holds against a credential that is over.
func (b *backend) forgetTrouble(id ledger.ID) {
	b.failures.Over(string(id))
	b.doubts.settle(id)
}
