package main

import (
	"context"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/internal/ledger"
)

// mostOverdueBuckets bounds the minutes that are counted: a day.
const mostOverdueBuckets = 24 * 60

// overdue are the credentials that should be dead and are not known to be.
type overdue struct {
	ids    []ledger.ID
	oldest time.Time // zero where there are none
	// all: there can be no more than those.
	all bool
}

// findOverdue looks where the sweep has left something. It never lists the
// ledger as a whole.
func (b *backend) findOverdue(ctx context.Context, storage logical.Storage) (overdue, error) {
	now := b.clock.Now()
	cursor := b.sweeper.published.Load()
	if cursor == nil {
		var err error
		if cursor, err = ledger.ReadCursor(ctx, storage, now); err != nil {
			return overdue{}, err
		}
	}
	// What becomes due within this minute still has time.
	buckets := cursor.Buckets(now.Add(-time.Minute), mostOverdueBuckets)
	found := overdue{all: len(buckets) < mostOverdueBuckets}
	for _, bucket := range buckets {
		ids, err := ledger.List(ctx, storage, bucket)
		if err != nil {
			return overdue{}, err
		}
		found.ids = append(found.ids, ids...)
	}
	for _, id := range found.ids {
		if found.oldest.IsZero() || id.Deadline().Before(found.oldest) {
			found.oldest = id.Deadline()
		}
	}
	return found, nil
}

// findDue returns the first record that matches among those that are due, those
// of the present minute included; nil where none does. One that cannot be read
// is passed over: nothing can be said of it.
func (b *backend) findDue(ctx context.Context, storage logical.Storage, matches func(*ledger.Record) bool) (*ledger.Record, error) {
	late, err := b.findOverdue(ctx, storage)
	if err != nil {
		return nil, err
	}
	current, err := ledger.List(ctx, storage, ledger.Bucket(b.clock.Now()))
	if err != nil {
		return nil, err
	}
	for _, id := range append(late.ids, current...) {
		record, err := ledger.Get(ctx, storage, id)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err == nil && record != nil && matches(record) {
			return record, nil
		}
	}
	return nil, nil
}
