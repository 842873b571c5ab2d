package main

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// takeoverTime is less than a node needs to take a mount over: it has to win an
// election, load the mounts and start the plugin. What was read less than that
// ago has been changed by no other node, so the usual refresh needs no second
// look at its record.
const takeoverTime = time.Second

// errOvertaken: another node of the cluster has given the holder another pair.
// Most storages refuse the writes of a node that is no longer the active one;
// for the others this does.
var errOvertaken = errors.New("another node of the cluster has taken over and renewed it; try again")

// recordOvertaken looks whether the record is still as it was read. The storage
// cannot compare and write at once; this leaves a moment in place of the length
// of an exchange.
func (b *backend) recordOvertaken(storage logical.Storage, record *ledger.Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	stored, err := ledger.Get(ctx, storage, record.ID)
	if err == nil && (stored == nil || stored.TokenID != record.TokenID) {
		err = errOvertaken
	}
	return err
}

// forgetRecord deletes a record, which was read then, after the end of its token.
// By now it may hold another token.
func (b *backend) forgetRecord(ctx context.Context, storage logical.Storage, record *ledger.Record, then time.Time) error {
	if b.clock.Now().Sub(then) >= takeoverTime {
		stored, err := ledger.Get(ctx, storage, record.ID)
		if err == nil && stored != nil && stored.TokenID != record.TokenID {
			err = errOvertaken
		}
		if err != nil {
			return err
		}
	}
	return ledger.Delete(ctx, storage, record.ID)
}

// sessionOvertaken does what recordOvertaken does, with a role's session; known is
// nil where there was none.
func (b *backend) sessionOvertaken(storage logical.Storage, role string, known *session) error {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	stored, err := readSession(ctx, storage, role)
	if err == nil && (stored == nil) != (known == nil) {
		err = errOvertaken
	}
	if err == nil && stored != nil && stored.TokenID != known.TokenID {
		err = errOvertaken
	}
	return err
}

var errPasswordOvertaken = errors.New("another node of the cluster has taken over, and has settled or changed the password since; rotate again to be sure")

// stillOpen returns a change of a password as it is stored, if it still is. To
// complete or undo one that another node has settled could be to bring back a
// password that was changed once more.
func (b *backend) stillOpen(storage logical.Storage, change *passwordChange) (*passwordChange, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	stored, err := readPasswordChange(ctx, storage, change.key())
	if err == nil && (stored == nil || stored.Password != change.Password) {
		err = errPasswordOvertaken
	}
	return stored, err
}

var errRoleOvertaken = errors.New("the role was changed or deleted by another request at the same time; try again")

// roleOvertaken looks whether the role still signs in as it did when the caller
// loaded it. A session of what it was before would pass for that of what it is.
func (b *backend) roleOvertaken(storage logical.Storage, role *loadedRole, s *settings, fingerprint ledger.Fingerprint) error {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	current, err := b.roles.load(ctx, storage, role.name)
	if err != nil {
		return err
	}
	if current == nil {
		return errRoleOvertaken
	}
	if auth, err := current.authClient(s); err != nil || current.fingerprint(auth.ID) != fingerprint {
		return errRoleOvertaken
	}
	return nil
}
