package main

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
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

// unreadableRecord is what err says of a record that cannot be read; nil where it
// is about something else.
func unreadableRecord(err error) *ledger.Unreadable {
	var unreadable *ledger.Unreadable
	if errors.As(err, &unreadable) {
		return unreadable
	}
	return nil
}

// findDue returns the first record that matches among those that are due, those
// of the present minute included; nil where none does. Where one of them cannot be
// read, it may be that, so the error says so.
func (b *backend) findDue(ctx context.Context, storage logical.Storage, matches func(*ledger.Record) bool) (*ledger.Record, error) {
	late, err := b.findOverdue(ctx, storage)
	if err != nil {
		return nil, err
	}
	current, err := ledger.List(ctx, storage, ledger.Bucket(b.clock.Now()))
	if err != nil {
		return nil, err
	}
	var unreadable error
	for _, id := range append(late.ids, current...) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		record, err := ledger.Get(ctx, storage, id)
		switch {
		case unreadableRecord(err) != nil:
			unreadable = err
		case err != nil:
			return nil, err
		case record != nil && matches(record):
			return record, nil
		}
	}
	return nil, unreadable
}
