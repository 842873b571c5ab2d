// Package ledger keeps the durable list of every credential that still has to die, by the minute of
// its deadline. It owns the keys below "ledger/" and "cursor", the locks of the records, and the
// published copy of the sweep's cursor. It imports engine/lease, the types of client, and internal
// packages.
package ledger

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/keylock"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
)

// Prefix is where the records are stored.
const Prefix = "ledger/"

// Keys are the keys of this package.
var Keys = []store.Key{
	{Prefix: Prefix, SealWrap: true, Local: true},
	{Prefix: CursorKey, Local: true},
}

// TakeoverTime is less than a node needs to take a mount over: it has to win an election, load the
// mounts and start the plugin. A record that was read less than that ago has been changed by no
// other node, so the usual refresh needs no second look at its record.
const TakeoverTime = time.Second

// Ledger is the list of one mount.
type Ledger struct {
	storage logical.Storage
	clock   clock.Clock
	random  io.Reader
	mount   string
	records *keylock.Locks
	swept   atomic.Pointer[Cursor]
}

// New reads nothing. mount begins the mount's id, and tells apart its personal access tokens.
func New(storage logical.Storage, clk clock.Clock, random io.Reader, mount string) *Ledger {
	return &Ledger{storage: storage, clock: clk, random: random, mount: mount, records: keylock.New()}
}

// Mount is the beginning of the mount's id.
func (l *Ledger) Mount() string { return l.mount }

// Facts are the record of a credential before its token is known.
type Facts struct {
	Record
	// Life is how long until the deadline.
	Life time.Duration
}

// Due are the facts of a token that is to be ended at once.
func (f Facts) Due() Facts {
	f.State, f.Life, f.RenewMode = Due, 0, string(lease.None)
	return f
}

// Draft begins a record that is not stored.
func (l *Ledger) Draft(f Facts) (*Record, error) {
	now := l.clock.Now()
	deadline := now.Add(f.Life)
	id, err := NewID(deadline, l.random)
	if err != nil {
		return nil, err
	}
	record := f.Record
	record.Version, record.ID, record.IssueTime, record.Deadline = RecordVersion, id, now, deadline
	return &record, nil
}

// Lock waits for the lock of a record until ctx or work is done: what is done with one credential
// is done one at a time, because a refresh token is good once.
func (l *Ledger) Lock(ctx, work context.Context, id ID) (unlock func(), err error) {
	waitCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(work, cancel)()
	unlock, err = l.records.Lock(waitCtx, string(id))
	if err != nil {
		return nil, fmt.Errorf("credential %s is being renewed or revoked by another request; try again", id)
	}
	return unlock, nil
}

// LocksInUse says how many records are locked or waited for.
func (l *Ledger) LocksInUse() int { return l.records.InUse() }

func nameOf(id ID) store.Name {
	return store.Name{
		Key:  id.key(),
		What: fmt.Sprintf("record of credential %s", id),
		Cure: fmt.Sprintf("restore it from a backup, or end the token in ProcessMaker, where a personal access token has this id in its name, and drop the record with \"vault write %scredentials/%s/revoke force=true\"", problem.Mount, id),
		// Another release may still end the token with it.
		NotNewer: true,
	}
}

// Get returns the record of id, or nil. Its errors are the storage's own and store.Unreadable.
func (l *Ledger) Get(ctx context.Context, id ID) (*Record, error) {
	record, err := store.Get[Record](ctx, l.storage, nameOf(id))
	if err == nil && record != nil && record.ID != id {
		return nil, &store.Unreadable{Key: id.key(), Text: fmt.Sprintf("%s cannot be read: it is not in the form of this release; %s", nameOf(id).What, nameOf(id).Cure)}
	}
	return record, err
}

// IsDamaged tells whether err says that the record of id cannot be read by any release.
func IsDamaged(err error, id ID) bool {
	bad := store.AsUnreadable(err)
	return bad != nil && !bad.Newer && bad.Key == id.key()
}

// Put stores a record on its own time.
func (l *Ledger) Put(record *Record) error {
	return store.OnOwnTime(func(ctx context.Context) error { return store.Put(ctx, l.storage, record.ID.key(), record) })
}

// Update stores next in place of known, which was read at readAt, on its own time. It is a Conflict
// where another node has changed the record since.
func (l *Ledger) Update(known, next *Record, readAt time.Time) error {
	return store.OnOwnTime(func(ctx context.Context) error { return l.replace(ctx, known, next, readAt) })
}

// Remove deletes the record known, which was read at readAt, after the end of its token. It is a
// Conflict where the record holds another token since.
func (l *Ledger) Remove(ctx context.Context, known *Record, readAt time.Time) error {
	return l.replace(ctx, known, nil, readAt)
}

func (l *Ledger) replace(ctx context.Context, known, next *Record, readAt time.Time) error {
	if l.clock.Now().Sub(readAt) >= TakeoverTime {
		err := store.Verify(ctx, l.storage, nameOf(known.ID), known)
		if problem.IsConflict(err) && next == nil && l.isGone(ctx, known.ID) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if next == nil {
		return l.Drop(ctx, known.ID)
	}
	return store.Put(ctx, l.storage, next.ID.key(), next)
}

func (l *Ledger) isGone(ctx context.Context, id ID) bool {
	entry, err := l.storage.Get(ctx, id.key())
	return err == nil && entry == nil
}

// Drop deletes the record of id, whatever it holds. It is no error if there is none.
func (l *Ledger) Drop(ctx context.Context, id ID) error { return l.storage.Delete(ctx, id.key()) }

// MarkDue moves a record under the present minute, on its own time: the next sweep ends its token.
func (l *Ledger) MarkDue(record *Record) error {
	return store.OnOwnTime(func(ctx context.Context) error { return l.markDue(ctx, record) })
}

// MarkDueFrom is MarkDue for a record derived from known, a Conflict if known was changed since.
func (l *Ledger) MarkDueFrom(known, record *Record) error {
	return store.OnOwnTime(func(ctx context.Context) error {
		if err := store.Verify(ctx, l.storage, nameOf(known.ID), known); err != nil {
			return err
		}
		return l.markDue(ctx, record)
	})
}

func (l *Ledger) markDue(ctx context.Context, record *Record) error {
	now := l.clock.Now()
	id, err := NewID(now, l.random)
	if err != nil {
		return err
	}
	due := *record
	if due.FormerID == "" {
		due.FormerID = due.ID
	}
	due.ID, due.State, due.Deadline = id, Due, now
	if err := store.Put(ctx, l.storage, due.ID.key(), &due); err != nil {
		return err
	}
	if err := l.Drop(ctx, record.ID); err != nil {
		return err
	}
	*record = due
	return nil
}

// Empty tells whether there are no records. It costs one listing of minutes.
func (l *Ledger) Empty(ctx context.Context) (bool, error) {
	buckets, err := l.storage.List(ctx, Prefix)
	return len(buckets) == 0, err
}

// List returns the ids with a deadline in one minute, at the cost of one listing.
func (l *Ledger) List(ctx context.Context, bucket string) ([]ID, error) {
	rests, err := l.storage.List(ctx, Prefix+bucket+"/")
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

// walkStride is how many ids a walk holds at a time, but for those of one minute.
const walkStride = 256

// Walk gives the ids behind after in their order, some at a time, until each answers false. Its cost
// grows with the records: not for readers' requests.
func (l *Ledger) Walk(ctx context.Context, after ID, each func(ids []ID) (more bool, err error)) error {
	buckets, err := l.storage.List(ctx, Prefix)
	if err != nil {
		return err
	}
	slices.Sort(buckets)
	var held []ID
	give := func(least int) (more bool, err error) {
		for more = true; more && err == nil && len(held) >= least; {
			some := held[:min(walkStride, len(held))]
			held = held[len(some):]
			more, err = each(some)
		}
		return more, err
	}
	for _, bucket := range buckets {
		bucket = strings.TrimSuffix(bucket, "/")
		if after != "" && bucket < string(after[:minuteDigits]) {
			continue
		}
		ids, err := l.List(ctx, bucket)
		if err != nil {
			return err
		}
		slices.Sort(ids)
		held = append(held, slices.DeleteFunc(ids, func(id ID) bool { return id <= after })...)
		if more, err := give(walkStride); err != nil || !more {
			return err
		}
	}
	_, err = give(1)
	return err
}

// All returns the ids of all records, at a cost that grows with them: not for readers' requests.
func (l *Ledger) All(ctx context.Context) ([]ID, error) {
	buckets, err := l.storage.List(ctx, Prefix)
	if err != nil {
		return nil, err
	}
	var all []ID
	for _, bucket := range buckets {
		ids, err := l.List(ctx, strings.TrimSuffix(bucket, "/"))
		if err != nil {
			return nil, err
		}
		all = append(all, ids...)
	}
	return all, nil
}
