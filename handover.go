package main

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

const (
	// handOverAfter is how long a revocation fails before the ledger takes it
	// over. Vault gives up after about ten minutes and calls the lease
	// irrevocable from then on.
	handOverAfter = 5 * time.Minute
	// forgetFailuresAfter is longer than Vault repeats a revocation.
	forgetFailuresAfter = 24 * time.Hour
)

// failedRevocations remembers since when revocations have found ProcessMaker
// unreachable. It is in memory alone: after a restart the time counts anew.
type failedRevocations struct {
	mu    sync.Mutex
	since map[ledger.ID]time.Time
}

// failed takes a failure down and tells since when there have been any.
func (f *failedRevocations) failed(id ledger.ID, now time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since == nil {
		f.since = map[ledger.ID]time.Time{}
	}
	first, known := f.since[id]
	if !known {
		first = now
		f.since[id] = now
	}
	return first
}

func (f *failedRevocations) over(id ledger.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.since, id)
}

// forgetOld drops what Vault does not repeat any more.
func (f *failedRevocations) forgetOld(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, first := range f.since {
		if now.Sub(first) > forgetFailuresAfter {
			delete(f.since, id)
		}
	}
}

// handOver puts a credential that cannot be revoked now down as due, so that
// the ledger ends it once ProcessMaker is back, and Vault can let go of the
// lease. It tells whether it did. While the mount is being unmounted it does
// not: the ledger goes with the mount.
func (b *backend) handOver(ctx context.Context, storage logical.Storage, record *ledger.Record, token client.Token, known bool, failure error) bool {
	if client.KindOf(failure) != client.Unavailable || b.System().Tainted() {
		return false
	}
	now := b.clock.Now()
	if now.Sub(b.failures.failed(record.ID, now)) < handOverAfter {
		return false
	}
	due := *record
	if known {
		// The lease, which holds a personal access token, is about to go.
		hold(&due, &client.Grant{Access: token})
	}
	if err := b.makeDue(ctx, storage, &due); err != nil {
		b.Logger().Warn("a revocation could not be handed over to the ledger", "role", record.Role, "credential_id", record.ID, "error", err)
		return false
	}
	b.failures.over(record.ID)
	b.Logger().Warn("ProcessMaker has been unreachable; the credential is ended by the ledger once it is back", "role", record.Role, "credential_id", record.ID, "token_id", token.ID)
	return true
}
