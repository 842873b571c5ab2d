package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/vault/sdk/logical"
)

// stored is what this mount keeps under one key.
type stored interface {
	// newest is the version of the form that this release writes.
	newest() int
	// whole tells whether everything is there without which nothing can be done.
	whole() bool
}

// sameForm tells whether two entries would be stored alike.
func sameForm(a, b stored) bool {
	one, err := json.Marshal(a)
	other, otherErr := json.Marshal(b)
	return err == nil && otherErr == nil && bytes.Equal(one, other)
}

// unreadable is an entry that this release cannot use: damaged, of another kind,
// or of a newer release.
type unreadable struct {
	text  string
	newer bool
}

func (u *unreadable) Error() string { return u.text }

func isUnreadable(err error) bool {
	var u *unreadable
	return errors.As(err, &u)
}

// isNewer tells whether err is about an entry that a newer release can use.
func isNewer(err error) bool {
	var u *unreadable
	return errors.As(err, &u) && u.newer
}

// decodeStored reads an entry. what names it, and cure is the way out where it
// cannot be read. The decoder's own errors may quote what it read.
func decodeStored(entry *logical.StorageEntry, into stored, what, cure string) error {
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(entry.Value, &head) == nil && head.Version > into.newest() {
		text := fmt.Sprintf("the stored %s was written by a newer release (version %d, known is %d): install that release again, or %s", what, head.Version, into.newest(), cure)
		return &unreadable{text: text, newer: true}
	}
	if head.Version < 1 || json.Unmarshal(entry.Value, into) != nil || !into.whole() {
		return &unreadable{text: fmt.Sprintf("the stored %s cannot be read: it is not in the form of this release; %s", what, cure)}
	}
	return nil
}
