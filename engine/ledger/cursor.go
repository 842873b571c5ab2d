package ledger

import (
	"context"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/internal/store"
)

// CursorKey is where the cursor is stored.
const CursorKey = "cursor"

// CursorVersion is the version of the stored form that this package writes.
const CursorVersion = 1

// settledAfter is how long after a minute a record may still be put under it: writes take their
// time, and the clocks of a cluster's nodes differ. Until then the minute is looked at again.
const settledAfter = 5 * time.Minute

// Cursor is how far the ledger was swept, so that a sweep never lists the ledger as a whole.
type Cursor struct {
	Version int `json:"version"`
	// Next is the first minute that has not been settled.
	Next string `json:"next"`
	// Left are earlier minutes under which records remain that could not be ended.
	Left []string `json:"left"`
}

func (c *Cursor) CurrentVersion() int { return CursorVersion }
func (c *Cursor) Usable() bool        { return c.Next != "" }

// ReadCursor returns the stored cursor, or, where there is none, one that stands at the earliest
// record. Only the latter lists the ledger.
func (l *Ledger) ReadCursor(ctx context.Context) (*Cursor, error) {
	now := l.clock.Now()
	cursor, err := store.Get[Cursor](ctx, l.storage, store.Name{Key: CursorKey})
	if err != nil && !store.IsUnreadable(err) {
		return nil, err
	}
	if cursor == nil || !cursor.wellFormed(now) {
		// It only saves work: what it said can be found out again.
		return l.firstCursor(ctx, now)
	}
	return cursor, nil
}

// longestRest: after a longer rest, listing the ledger is cheaper than listing every minute since.
const longestRest = 366 * 24 * time.Hour

func (c *Cursor) wellFormed(now time.Time) bool {
	isNoBucket := func(bucket string) bool { return !bucketPattern.MatchString(bucket) }
	return !isNoBucket(c.Next) && c.Next >= Bucket(now.Add(-longestRest)) && !slices.ContainsFunc(c.Left, isNoBucket)
}

// Rewind makes sure that a clock that ran ahead has left no minute out.
func (c *Cursor) Rewind(now time.Time) { c.Next = min(c.Next, Bucket(now.Add(-settledAfter))) }

// AheadOf says by how much time c is further than other.
func (c *Cursor) AheadOf(other *Cursor) time.Duration {
	return bucketStart(c.Next).Sub(bucketStart(other.Next))
}

func (l *Ledger) firstCursor(ctx context.Context, now time.Time) (*Cursor, error) {
	buckets, err := l.storage.List(ctx, Prefix)
	if err != nil {
		return nil, err
	}
	next := Bucket(now.Add(-settledAfter))
	for _, bucket := range buckets {
		if bucket = strings.TrimSuffix(bucket, "/"); bucketPattern.MatchString(bucket) {
			next = min(next, bucket)
		}
	}
	return &Cursor{Version: CursorVersion, Next: next}, nil
}

// PutCursor stores the cursor.
func (l *Ledger) PutCursor(ctx context.Context, c *Cursor) error {
	return store.Put(ctx, l.storage, CursorKey, c)
}

// Buckets lists the minutes to look at now, the oldest first: leftovers, and up to most new ones.
func (c *Cursor) Buckets(now time.Time, most int) []string {
	buckets := slices.Clone(c.Left)
	last := Bucket(now)
	for bucket := c.Next; bucket <= last && most > 0; bucket = following(bucket) {
		buckets = append(buckets, bucket)
		most--
	}
	return buckets
}

// Done tells the cursor that bucket was looked at and whether records remain under it.
func (c *Cursor) Done(bucket string, now time.Time, remain bool) {
	c.Left = slices.DeleteFunc(c.Left, func(left string) bool { return left == bucket })
	settled := bucket < Bucket(now.Add(-settledAfter))
	if settled && bucket == c.Next {
		c.Next = following(bucket)
	}
	if remain && bucket < c.Next {
		c.Left = append(c.Left, bucket)
	}
}

// CaughtUp tells whether every minute up to now has been looked at.
func (c *Cursor) CaughtUp(now time.Time) bool { return c.Next >= Bucket(now.Add(-settledAfter)) }

// mostOverdueBuckets bounds the minutes that are counted: a day.
const mostOverdueBuckets = 24 * 60

// Overdue are the credentials whose deadline is over and whose end is not confirmed.
type Overdue struct {
	IDs    []ID
	Oldest time.Time // zero where there are none
	// Complete: there can be no more than those.
	Complete bool
}

// PublishCursor shows readers how far the sweep has come.
func (l *Ledger) PublishCursor(c *Cursor) { l.swept.Store(c) }

// Overdue looks where the sweep has left something. It never lists the ledger as a whole.
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
	if len(found.IDs) > 0 {
		found.Oldest = slices.Min(found.IDs).Deadline() // an id begins with its deadline
	}
	return found, nil
}

// FindDue returns the first record that matches among the due ones, the present minute's included;
// nil where none does. One that cannot be read may be the one: the error is store.Unreadable then.
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

// CountAt counts the records of an instance, and those that cannot be read, at a cost that grows
// with all of them.
func (l *Ledger) CountAt(ctx context.Context, url string) (int, error) {
	all, err := l.All(ctx)
	there := 0
	for _, id := range all {
		record, failed := l.Get(ctx, id)
		if failed != nil && !store.IsUnreadable(failed) {
			return 0, failed
		}
		if failed != nil || (record != nil && record.Fingerprint.URL == url) {
			there++
		}
	}
	return there, err
}
