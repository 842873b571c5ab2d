// Package ledger keeps the durable list of every credential that still has to
// die, by the minute of its deadline.
package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// Prefix is where the records are stored.
const Prefix = "ledger/"

// Put stores record under its id.
func Put(ctx context.Context, storage logical.Storage, record *Record) error {
	entry, err := logical.StorageEntryJSON(record.ID.key(), record)
	if err != nil {
		return fmt.Errorf("record of credential %s cannot be encoded", record.ID)
	}
	// The storage's own error goes out as it is: Vault recognises a read-only
	// storage by its text.
	return storage.Put(ctx, entry)
}

// Get returns the record of id, or nil where there is none.
func Get(ctx context.Context, storage logical.Storage, id ID) (*Record, error) {
	entry, err := storage.Get(ctx, id.key())
	if err != nil || entry == nil {
		return nil, err
	}
	var record Record
	if err := entry.DecodeJSON(&record); err != nil {
		// The decoder's error may quote what it read.
		return nil, fmt.Errorf("record of credential %s cannot be read: it is not in the form of this release", id)
	}
	if record.Version > RecordVersion {
		return nil, fmt.Errorf("record of credential %s was written by a newer release (version %d, known is %d)", id, record.Version, RecordVersion)
	}
	return &record, nil
}

// Delete removes the record of id. It is no error if there is none.
func Delete(ctx context.Context, storage logical.Storage, id ID) error {
	return storage.Delete(ctx, id.key())
}

// Count says how many records there are, at a cost that grows with them: it is
// for operators' commands, not for requests of readers.
func Count(ctx context.Context, storage logical.Storage) (int, error) {
	buckets, err := storage.List(ctx, Prefix)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, bucket := range buckets {
		if !strings.HasSuffix(bucket, "/") {
			continue
		}
		records, err := storage.List(ctx, Prefix+bucket)
		if err != nil {
			return 0, err
		}
		count += len(records)
	}
	return count, nil
}

// LatestDeadline is the end of the last minute in which a record is due, or
// the zero time where there are none. It costs one listing.
func LatestDeadline(ctx context.Context, storage logical.Storage) (time.Time, error) {
	buckets, err := storage.List(ctx, Prefix)
	if err != nil {
		return time.Time{}, err
	}
	var latest time.Time
	for _, bucket := range buckets {
		minute, err := strconv.ParseInt(strings.TrimSuffix(bucket, "/"), 32, 64)
		if err != nil {
			continue
		}
		if end := time.Unix((minute+1)*60, 0).UTC(); end.After(latest) {
			latest = end
		}
	}
	return latest, nil
}
