// Package ledger keeps the durable list of every credential that still has to
// die, by the minute of its deadline.
package ledger

import (
	"context"
	"fmt"
	"strings"

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
	var head struct {
		Version int `json:"version"`
	}
	if entry.DecodeJSON(&head) == nil && head.Version > RecordVersion {
		return nil, &Unreadable{ID: id, text: fmt.Sprintf("record of credential %s was written by a newer release (version %d, known is %d): install that release again", id, head.Version, RecordVersion)}
	}
	var record Record
	if entry.DecodeJSON(&record) != nil || !record.describes(id) {
		// The decoder's error may quote what it read.
		const way = "restore it from a backup, or end the token in ProcessMaker, where a personal access token has this id in its name, and drop the record with \"vault write <mount>/credentials/%s/revoke force=true\""
		return nil, &Unreadable{ID: id, text: fmt.Sprintf("record of credential %s cannot be read: it is not in the form of this release; "+way, id, id), Damaged: true}
	}
	return &record, nil
}

// Unreadable is a record that this release cannot use.
type Unreadable struct {
	ID   ID
	text string
	// Damaged: nor can any other.
	Damaged bool
}

func (u *Unreadable) Error() string { return u.text }

// Delete removes the record of id. It is no error if there is none.
func Delete(ctx context.Context, storage logical.Storage, id ID) error {
	return storage.Delete(ctx, id.key())
}

// Empty tells whether there are no records. It costs one listing of minutes.
func Empty(ctx context.Context, storage logical.Storage) (bool, error) {
	buckets, err := storage.List(ctx, Prefix)
	return len(buckets) == 0, err
}

// List returns the ids of the records whose deadline lies in one minute. It
// costs one listing, however many records there are elsewhere.
func List(ctx context.Context, storage logical.Storage, bucket string) ([]ID, error) {
	rests, err := storage.List(ctx, Prefix+bucket+"/")
	if err != nil {
		return nil, err
	}
	ids := make([]ID, 0, len(rests))
	for _, rest := range rests {
		if id, err := ParseID(bucket + rest); err == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// All returns the ids of every record, at a cost that grows with them: it is
// for operators' commands, not for requests of readers.
func All(ctx context.Context, storage logical.Storage) ([]ID, error) {
	buckets, err := storage.List(ctx, Prefix)
	if err != nil {
		return nil, err
	}
	var all []ID
	for _, bucket := range buckets {
		ids, err := List(ctx, storage, strings.TrimSuffix(bucket, "/"))
		if err != nil {
			return nil, err
		}
		all = append(all, ids...)
	}
	return all, nil
}
