package ledger

import (
	"context"
	"time"

	"vault-plugin-secrets-processmaker/internal/store"
)

// mostOverdueBuckets bounds the minutes that are counted: a day.
const mostOverdueBuckets = 24 * 60

// Overdue are the credentials whose deadline is over and whose end is not
// confirmed.
type Overdue struct {
	IDs    []ID
	Oldest time.Time // zero where there are none
	// Complete: there can be no more than those.
	Complete bool
}

// PublishCursor shows readers how far the sweep has come.
func (l *Ledger) PublishCursor(c *Cursor) { l.swept.Store(c) }

// Overdue looks where the sweep has left something. It never lists the ledger as
// a whole.
func (l *Ledger) Overdue(ctx context.Context) (Overdue, error) {
	cursor := l.swept.Load()
	if cursor == nil {
		var err error
		if cursor, err = l.ReadCursor(ctx); err != nil {
			return Overdue{}, err
		}
	}
	// What becomes due within this minute still has time.
	buckets := cursor.Buckets(l.clock.Now().Add(-time.Minute), mostOverdueBuckets)
	found := Overdue{Complete: len(buckets) < mostOverdueBuckets}
	for _, bucket := range buckets {
		ids, err := l.List(ctx, bucket)
		if err != nil {
			return Overdue{}, err
		}
		found.IDs = append(found.IDs, ids...)
	}
	for _, id := range found.IDs {
		if found.Oldest.IsZero() || id.Deadline().Before(found.Oldest) {
			found.Oldest = id.Deadline()
		}
	}
	return found, nil
}

// FindDue returns the first record that matches among those that are due, those
// of the present minute included; nil where none does. Where one of them cannot be
// read, it may be the one, so the error is store.Unreadable.
func (l *Ledger) FindDue(ctx context.Context, matches func(*Record) bool) (*Record, error) {
	late, err := l.Overdue(ctx)
	if err != nil {
		return nil, err
	}
	current, err := l.List(ctx, Bucket(l.clock.Now()))
	if err != nil {
		return nil, err
	}
	var unreadable error
	for _, id := range append(late.IDs, current...) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		record, err := l.Get(ctx, id)
		switch {
		case store.IsUnreadable(err):
			unreadable = err
		case err != nil:
			return nil, err
		case record != nil && matches(record):
			return record, nil
		}
	}
	return nil, unreadable
}

// CountDue counts the records whose minute has begun, at a cost that grows with all
// of them.
func (l *Ledger) CountDue(ctx context.Context) (int, error) {
	now := l.clock.Now()
	all, err := l.All(ctx)
	due := 0
	for _, id := range all {
		if !id.Deadline().After(now) {
			due++
		}
	}
	return due, err
}
