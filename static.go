package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

const staticVersion = 1

// staleTTL is how long a reader should wait who got a credential that is past
// its rotation, because no other could be had.
const staleTTL = 5 * time.Second

// staticCredential is the stored form of the credential that a role's readers
// share. Its record in the ledger ends it at its deadline, whether or not
// anybody reads it again.
type staticCredential struct {
	Version int            `json:"version"`
	Record  *ledger.Record `json:"record"`

	TokenID         string    `json:"token_id"`
	TokenType       string    `json:"token_type"`
	TokenExpireTime time.Time `json:"token_expire_time"`
	AccessToken     string    `json:"access_token"`
	RotatedAt       time.Time `json:"rotated_at"`
	// RotateAt is when it was to be replaced as the role was when it was made.
	RotateAt time.Time `json:"rotate_at"`
}

func (c *staticCredential) newest() int { return staticVersion }

func (c *staticCredential) whole() bool {
	if c.Record == nil || c.AccessToken == "" || c.TokenID == "" {
		return false
	}
	_, err := ledger.ParseID(string(c.Record.ID))
	return err == nil
}

// freshUntil is when the credential is to be replaced. A role whose period was
// shortened since replaces it earlier; one whose period was lengthened cannot
// keep it longer, because its deadline is fixed.
func (c *staticCredential) freshUntil(role *loadedRole) time.Time {
	if shortened := c.RotatedAt.Add(role.RotationPeriod); shortened.Before(c.RotateAt) {
		return shortened
	}
	return c.RotateAt
}

func (c *staticCredential) token() client.Token {
	return client.Token{
		Value:      c.AccessToken,
		Type:       c.TokenType,
		ID:         c.TokenID,
		UserID:     c.Record.UserID,
		ReceivedAt: c.RotatedAt,
		ExpireTime: c.TokenExpireTime,
	}
}

// shared returns the role's shared credential, a new one if the last is older
// than the rotation period. Where a new one cannot be had, the old one is
// returned as long as it lives, with the reason.
func (b *backend) shared(ctx context.Context, req *logical.Request, role *loadedRole, s *settings) (current *staticCredential, stale, resp *logical.Response, err error) {
	auth, err := role.authClient(s)
	if err == nil {
		err = role.belongsTo(s)
	}
	if err != nil {
		resp, err := upstreamAnswer(fmt.Sprintf("role %q: %s", role.name, err), err)
		return nil, nil, resp, err
	}
	fingerprint := role.fingerprint(auth.ID)
	if current := role.static.Load(); b.fresh(current, role, fingerprint) {
		return current, nil, nil, nil
	}
	unlock, err := b.statics.Lock(ctx, role.name)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("role %q: gave up waiting for the rotation: %w", role.name, err)
	}
	defer unlock()
	current = role.static.Load()
	if current == nil {
		// The record of one that cannot be read ends it all the same.
		if current, err = readStatic(ctx, req.Storage, role.name); err != nil && !isUnreadable(err) {
			return nil, nil, nil, err
		}
		if current != nil && b.endedAhead(req.Storage, current) {
			current = nil
		}
		role.static.Store(current)
	}
	if b.fresh(current, role, fingerprint) {
		return current, nil, nil, nil
	}
	next, resp, err := b.rotateStatic(ctx, req, role, s)
	if next != nil {
		return next, nil, nil, nil
	}
	// The old one is not rotated away before another is there.
	if current != nil && current.Record.Fingerprint == fingerprint && b.clock.Now().Before(current.Record.Deadline) && !b.endedAhead(req.Storage, current) {
		if resp == nil {
			resp = logical.ErrorResponse("%s", err)
		}
		return current, resp, nil, nil
	}
	return nil, nil, resp, err
}

// endedAhead tells whether a credential was ended ahead of its time, which deletes
// its record first: the plugin may be killed before it is forgotten, or who ended
// it may still wait for the rotation to do so.
func (b *backend) endedAhead(storage logical.Storage, c *staticCredential) bool {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	record, err := ledger.Get(ctx, storage, c.Record.ID)
	return err == nil && record == nil
}

// fresh tells whether a shared credential needs no rotation yet.
func (b *backend) fresh(c *staticCredential, role *loadedRole, fingerprint ledger.Fingerprint) bool {
	return c != nil && c.Record.Fingerprint == fingerprint && b.clock.Now().Before(c.freshUntil(role))
}

// rotateStatic makes and stores a new shared credential. The one before dies at
// its own deadline. The caller holds the role's lock.
func (b *backend) rotateStatic(ctx context.Context, req *logical.Request, role *loadedRole, s *settings) (*staticCredential, *logical.Response, error) {
	began := b.clock.Now()
	// The readers are many, so the record names none.
	nobody := &logical.Request{Storage: req.Storage, MountPoint: req.MountPoint}
	made, resp, err := b.make(ctx, nobody, &issueOrder{role: role, settings: s, mode: lease.None, shared: true, life: role.RotationPeriod + role.RotationOverlap})
	if made == nil {
		return nil, resp, err
	}
	if made.record.AccessToken == "" {
		// With the token in its record the ledger can end it without looking
		// for it by name at every rotation.
		hold(made.record, &client.Grant{Access: made.token})
		if err := b.putRecord(req.Storage, made.record); err != nil {
			b.takeBack(req.Storage, made.record, made.token, s)
			return nil, nil, err
		}
	}
	next := &staticCredential{
		Version:         staticVersion,
		Record:          made.record,
		TokenID:         made.token.ID,
		TokenType:       made.token.Type,
		TokenExpireTime: made.token.ExpireTime,
		AccessToken:     made.token.Value,
		RotatedAt:       made.at,
		RotateAt:        made.at.Add(role.RotationPeriod),
	}
	putCtx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	entry, err := logical.StorageEntryJSON(staticPrefix+role.name, next)
	if err == nil {
		err = b.roleOvertaken(req.Storage, role, s, made.record.Fingerprint)
	}
	if err == nil {
		err = req.Storage.Put(putCtx, entry)
	}
	if err != nil {
		b.takeBack(req.Storage, made.record, made.token, s)
		if isOvertaken(err) {
			resp, err := upstreamAnswer(fmt.Sprintf("role %q: %s", role.name, err), err)
			return nil, resp, err
		}
		return nil, nil, err
	}
	role.static.Store(next)
	b.notice(hclog.Info, credsCreated, aboutRecord(made.record).startedAt(began), "shared credential rotated", "token_id", made.token.ID)
	return next, nil, nil
}

// dropStatic ends the shared credential of a role if its fingerprint matches.
func (b *backend) dropStatic(ctx context.Context, storage logical.Storage, name string, s *settings, matches func(ledger.Fingerprint) bool) error {
	unlock, err := b.statics.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := readStatic(ctx, storage, name)
	if isUnreadable(err) && (!isNewer(err) || matches(ledger.Fingerprint{})) {
		b.log(hclog.Warn, about{role: name}, "a shared credential that cannot be read was dropped; its record in the ledger ends it", "error", err)
		return storage.Delete(ctx, staticPrefix+name)
	}
	if err != nil || stored == nil || !matches(stored.Record.Fingerprint) {
		return err
	}
	if err := storage.Delete(ctx, staticPrefix+name); err != nil {
		return err
	}
	if role, err := b.roles.load(ctx, storage, name); err == nil && role != nil {
		role.static.Store(nil)
	}
	b.takeBack(storage, stored.Record, stored.token(), s)
	return nil
}

// forgetShared makes sure that a credential that was ended ahead of its time is
// not shared any more.
func (b *backend) forgetShared(ctx context.Context, storage logical.Storage, record *ledger.Record) {
	if !record.Shared || !b.clock.Now().Before(record.Deadline) {
		return
	}
	// At once, and not only after a rotation that is under way: without a record
	// what is stored is not shared either.
	b.forgetSharedInMemory(record)
	unlock, err := b.statics.Lock(ctx, record.Role)
	if err != nil {
		return
	}
	defer unlock()
	stored, err := readStatic(ctx, storage, record.Role)
	if isUnreadable(err) || (err == nil && stored != nil && stored.Record.ID == record.ID) {
		err = storage.Delete(ctx, staticPrefix+record.Role)
	}
	if err != nil {
		b.log(hclog.Warn, aboutRecord(record), "a shared credential was ended and its entry could not be deleted; the next rotation replaces it", "error", err)
	}
	b.forgetSharedInMemory(record)
}

func (b *backend) forgetSharedInMemory(record *ledger.Record) {
	if role := b.roles.cached(record.Role); role != nil {
		if current := role.static.Load(); current != nil && current.Record.ID == record.ID {
			role.static.CompareAndSwap(current, nil)
		}
	}
}

// forgetSharedID does the same where the record does not tell whose credential it
// was.
func (b *backend) forgetSharedID(ctx context.Context, storage logical.Storage, id ledger.ID) {
	names, err := storage.List(ctx, staticPrefix)
	if err != nil {
		b.log(hclog.Warn, about{id: id}, "a credential was dropped and may still be shared; write its role", "error", err)
		return
	}
	for _, name := range names {
		if stored, err := readStatic(ctx, storage, name); err == nil && stored != nil && stored.Record.ID == id {
			b.forgetShared(ctx, storage, stored.Record)
		}
	}
}

func readStatic(ctx context.Context, storage logical.Storage, role string) (*staticCredential, error) {
	entry, err := storage.Get(ctx, staticPrefix+role)
	if err != nil || entry == nil {
		return nil, err
	}
	var stored staticCredential
	if err := decodeStored(entry, &stored, fmt.Sprintf("shared credential of role %q", role), "read it, which makes another"); err != nil {
		return nil, err
	}
	return &stored, nil
}
