package main

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
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

// failedRevocations remembers how often the ending of a credential has failed,
// and since when because ProcessMaker was unreachable. It is in memory alone:
// after a restart both count anew.
type failedRevocations struct {
	mu   sync.Mutex
	byID map[ledger.ID]*failures
}

type failures struct {
	count            int
	last             time.Time
	unreachableSince time.Time // zero unless it was
}

// failed takes a failure down and tells since when ProcessMaker has been
// unreachable; zero if that is not what failed.
func (f *failedRevocations) failed(id ledger.ID, now time.Time, unreachable bool) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byID == nil {
		f.byID = map[ledger.ID]*failures{}
	}
	known := f.byID[id]
	if known == nil {
		known = &failures{}
		f.byID[id] = known
	}
	known.count++
	known.last = now
	if !unreachable {
		return time.Time{}
	}
	if known.unreachableSince.IsZero() {
		known.unreachableSince = now
	}
	return known.unreachableSince
}

// attempt is the number of the try that is under way.
func (f *failedRevocations) attempt(id ledger.ID) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.byID[id]; known != nil {
		return known.count + 1
	}
	return 1
}

func (f *failedRevocations) over(id ledger.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byID, id)
}

// forgetOld drops what Vault does not repeat any more.
func (f *failedRevocations) forgetOld(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, known := range f.byID {
		if now.Sub(known.last) > forgetFailuresAfter {
			delete(f.byID, id)
		}
	}
}

// handOver puts a credential that cannot be revoked now down as due, so that
// the ledger ends it once ProcessMaker is back, and Vault can let go of the
// lease. It tells whether it did. While the mount is being unmounted it does
// not: the ledger goes with the mount.
func (b *backend) handOver(ctx context.Context, storage logical.Storage, record *ledger.Record, token client.Token, known bool, failure error) bool {
	now := b.clock.Now()
	since := b.failures.failed(record.ID, now, client.KindOf(failure) == client.Unavailable)
	if since.IsZero() || now.Sub(since) < handOverAfter || b.System().Tainted() {
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
	b.failures.over(record.ID)
	b.doubts.settle(record.ID)
	b.notice(hclog.Warn, ledgerDue, aboutRecord(record), "ProcessMaker has been unreachable; the credential is ended by the ledger once it is back", "due_as", due.ID, "token_id", token.ID)
	return true
}
