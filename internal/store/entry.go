// Package store reads versioned entries of Vault's storage, and changes them only for callers that
// know the present state. It owns no keys: each engine package keeps its own and declares them as a
// Key. It imports internal/problem.
package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/internal/problem"
)

// Timeout bounds an access to storage that is made on its own time.
const Timeout = 5 * time.Second

// Key is a kind of key with the marks that Vault needs for it.
type Key struct {
	// Prefix is the whole key, or ends in a slash.
	Prefix string
	// SealWrap: the entry holds secrets. Local: it stays with its cluster.
	SealWrap, Local bool
}

// Entry is what a mount keeps under one key.
type Entry interface {
	// CurrentVersion is the version of the form that this release writes.
	CurrentVersion() int
	// Usable tells whether everything is there without which nothing can be done.
	Usable() bool
}

// Name is where an entry stands, what it is in messages, and the way out where it cannot be read.
type Name struct {
	Key        string
	What, Cure string
	// NotNewer: the cure is not for the entry of a newer release.
	NotNewer bool
}

// Unreadable is an entry that this release cannot use: damaged, of another kind, or newer.
type Unreadable struct {
	Key, Text string
	// Newer: a newer release can use it.
	Newer bool
}

func (u *Unreadable) Error() string { return u.Text }

// AsUnreadable is what err says of an entry that cannot be read; nil for other errors.
func AsUnreadable(err error) *Unreadable {
	var u *Unreadable
	if errors.As(err, &u) {
		return u
	}
	return nil
}

// IsUnreadable tells whether err is about an entry that cannot be read.
func IsUnreadable(err error) bool { return AsUnreadable(err) != nil }

// IsNewer tells whether err is about an entry that a newer release can use.
func IsNewer(err error) bool {
	u := AsUnreadable(err)
	return u != nil && u.Newer
}

type entryOf[E any] interface {
	*E
	Entry
}

// Get reads an entry, or nil. Its errors are the storage's own and Unreadable.
func Get[E any, P entryOf[E]](ctx context.Context, storage logical.Storage, name Name) (*E, error) {
	entry, err := storage.Get(ctx, name.Key)
	if err != nil || entry == nil {
		return nil, err
	}
	var read E
	if err := decode(entry, P(&read), name); err != nil {
		return nil, err
	}
	return &read, nil
}

// decode keeps the decoder's own errors to itself: they may quote a secret.
func decode(entry *logical.StorageEntry, into Entry, name Name) error {
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(entry.Value, &head) == nil && head.Version > into.CurrentVersion() {
		text := fmt.Sprintf("%s was written by a newer release (version %d, known is %d): install that release again", name.What, head.Version, into.CurrentVersion())
		if !name.NotNewer {
			text += ", or " + name.Cure
		}
		return &Unreadable{Key: entry.Key, Text: text, Newer: true}
	}
	if head.Version < 1 || json.Unmarshal(entry.Value, into) != nil || !into.Usable() {
		return &Unreadable{Key: entry.Key, Text: fmt.Sprintf("%s cannot be read: it is not in the form of this release; %s", name.What, name.Cure)}
	}
	return nil
}

// Put writes entry under key. Errors stay as they are: Vault knows a read-only storage by the text.
func Put(ctx context.Context, storage logical.Storage, key string, entry Entry) error {
	encoded, err := logical.StorageEntryJSON(key, entry)
	if err != nil {
		return fmt.Errorf("the entry %q cannot be encoded", key)
	}
	return storage.Put(ctx, encoded)
}

// OnOwnTime runs an access to storage that must not end with a caller that goes away.
func OnOwnTime(access func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	return access(ctx)
}

// ReadOnOwnTime is OnOwnTime for a read.
func ReadOnOwnTime[T any](read func(ctx context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	return read(ctx)
}

func same(a, b Entry) bool {
	one, err := json.Marshal(a)
	other, otherErr := json.Marshal(b)
	return err == nil && otherErr == nil && bytes.Equal(one, other)
}

// Verify is a Conflict unless the entry is stored as known; nil stands for no entry.
// Storage cannot compare and write at once, so a moment remains in which another node can write: a
// moment in place of the length of an exchange with ProcessMaker.
func Verify[E any, P entryOf[E]](ctx context.Context, storage logical.Storage, name Name, known *E) error {
	stored, err := Get[E, P](ctx, storage, name)
	switch {
	case err != nil && !IsUnreadable(err):
		return err
	case err == nil && stored == nil && known == nil:
		return nil
	case err == nil && stored != nil && known != nil && same(P(stored), P(known)):
		return nil
	}
	return problem.Conflictf("%s was changed at the same time by another request or another node of the cluster; try again", name.What)
}

// Replace is compare-and-swap: next takes the place of known; nil stands for no entry.
func Replace[E any, P entryOf[E]](ctx context.Context, storage logical.Storage, name Name, known, next *E) error {
	if err := Verify[E, P](ctx, storage, name, known); err != nil {
		return err
	}
	if next == nil {
		return storage.Delete(ctx, name.Key)
	}
	return Put(ctx, storage, name.Key, P(next))
}
