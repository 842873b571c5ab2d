package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

const (
	// sweepBuckets bounds the minutes that one pass looks at.
	sweepBuckets = 500
	// sweepWidth bounds the credentials that are ended at a time. The
	// client's own lane bounds the calls.
	sweepWidth = 8
	// cursorStride is how far the cursor in memory may be ahead of the stored
	// one.
	cursorStride = 10 * time.Minute
)

// sweeper ends what is due: credentials whose answer or lease was lost, and
// those that could not be ended when they should have been.
type sweeper struct {
	// running is held by the one sweep that may touch the rest.
	running atomic.Bool
	cursor  *ledger.Cursor
	stored  ledger.Cursor // as it was last written
	// published is a copy of cursor for who only looks.
	published atomic.Pointer[ledger.Cursor]
}

// sweepReport says what one pass did.
type sweepReport struct {
	ended, failed int
	// unreadable is one of the records that could not be read; nil if all could.
	unreadable *ledger.Unreadable
	// unreachable: the pass was cut short, because nothing can be ended now.
	unreachable bool
	caughtUp    bool
}

func (r *sweepReport) add(other sweepReport) {
	r.ended += other.ended
	r.failed += other.failed
	if other.unreadable != nil {
		r.unreadable = other.unreadable
	}
	r.unreachable = r.unreachable || other.unreachable
}

// wakeSweeper starts a sweep unless one is under way. Vault waits for the
// periodic function, so the work is done beside it.
func (b *backend) wakeSweeper(storage logical.Storage) {
	b.beside(&b.sweeper.running, "sweep", func() { b.sweepAndRemember(b.lifetime, storage) })
}

// beside does work beside the request that asks for it, unless the same work is
// under way.
func (b *backend) beside(running *atomic.Bool, what string, work func()) {
	if !running.CompareAndSwap(false, true) {
		return
	}
	leave := b.inflight.Join()
	go func() {
		defer leave()
		defer running.Store(false)
		defer func() { b.caught(recover(), what) }()
		work()
	}()
}

// sweepAndRemember sweeps from where the last sweep ended.
func (b *backend) sweepAndRemember(ctx context.Context, storage logical.Storage) {
	s := &b.sweeper
	if s.cursor == nil {
		cursor, err := ledger.ReadCursor(ctx, storage, b.clock.Now())
		if err != nil {
			b.log(hclog.Warn, about{}, "the ledger's cursor could not be read", "error", err)
			return
		}
		s.cursor = cursor
	}
	_, err := b.sweep(ctx, storage, s.cursor)
	shown := *s.cursor
	shown.Left = slices.Clone(s.cursor.Left)
	s.published.Store(&shown)
	if err != nil {
		b.log(hclog.Warn, about{}, "the ledger could not be swept", "error", err)
	}
	// A write saves listings after a restart; one a minute for every mount
	// would cost more than it saves.
	if s.cursor.AheadOf(&s.stored) < cursorStride && slices.Equal(s.cursor.Left, s.stored.Left) {
		return
	}
	if err := s.cursor.Put(ctx, storage); err != nil {
		b.log(hclog.Warn, about{}, "the ledger's cursor could not be stored", "error", err)
		return
	}
	s.stored = *s.cursor
	s.stored.Left = slices.Clone(s.cursor.Left)
}

// sweep looks at every minute from the cursor to now and ends what is due. Its
// cost does not depend on how many credentials live: it never lists the ledger
// as a whole.
func (b *backend) sweep(ctx context.Context, storage logical.Storage, cursor *ledger.Cursor) (total sweepReport, err error) {
	now := b.clock.Now()
	cursor.Rewind(now)
	finder := newTokenFinder()
	isDue := func(record *ledger.Record) bool { return !record.Deadline.After(now) }
	for !total.unreachable {
		for _, bucket := range cursor.Buckets(now, sweepBuckets) {
			if err := ctx.Err(); err != nil {
				return total, err
			}
			ids, err := ledger.List(ctx, storage, bucket)
			if err != nil {
				return total, err
			}
			report := b.endAll(ctx, storage, ids, finder, isDue)
			total.add(report)
			cursor.Done(bucket, now, report.failed > 0)
			if report.unreachable {
				break
			}
		}
		if total.caughtUp = cursor.CaughtUp(now); total.caughtUp {
			break
		}
	}
	return total, nil
}

// endAll ends the credentials that match, a few at a time.
func (b *backend) endAll(ctx context.Context, storage logical.Storage, ids []ledger.ID, finder *tokenFinder, matches func(*ledger.Record) bool) sweepReport {
	var (
		mu     sync.Mutex
		report sweepReport
		group  errgroup.Group
		first  firstAlone
	)
	group.SetLimit(sweepWidth)
	for _, id := range ids {
		group.Go(func() error {
			one := b.endOne(ctx, storage, id, finder, matches, &first)
			mu.Lock()
			defer mu.Unlock()
			report.add(one)
			return nil
		})
	}
	_ = group.Wait() // the functions return none
	return report
}

// firstAlone lets the first that is ended go alone: after an outage it finds out
// whether ProcessMaker is back, and all others would be refused meanwhile.
type firstAlone struct {
	mu   sync.Mutex
	over bool
}

// enter waits until the first has left.
func (f *firstAlone) enter() (leave func()) {
	f.mu.Lock()
	if f.over {
		f.mu.Unlock()
		return func() {}
	}
	return func() {
		f.over = true
		f.mu.Unlock()
	}
}

func (b *backend) endOne(ctx context.Context, storage logical.Storage, id ledger.ID, finder *tokenFinder, matches func(*ledger.Record) bool, first *firstAlone) (report sweepReport) {
	defer func() {
		if b.caught(recover(), "ending a credential") {
			report = sweepReport{failed: 1}
		}
	}()
	unlock, err := b.records.Lock(ctx, string(id))
	if err != nil {
		return sweepReport{failed: 1}
	}
	defer unlock()
	read := b.clock.Now()
	record, err := ledger.Get(ctx, storage, id)
	if err != nil {
		b.log(hclog.Warn, about{id: id}, "a credential of the ledger could not be read", "error", err)
		unreadable := unreadableRecord(err)
		if unreadable != nil {
			b.failures.Hopeless(string(id), b.clock.Now(), err)
		}
		return sweepReport{failed: 1, unreadable: unreadable}
	}
	if record == nil || !matches(record) {
		return sweepReport{}
	}
	defer first.enter()()
	token, known := heldToken(record), record.AccessToken != ""
	told := aboutRecord(record).startedAt(b.clock.Now()).try(b.failures.Number(string(id)))
	if err := b.end(ctx, storage, record, token, known, finder); err != nil {
		b.failures.Failed(string(id), b.clock.Now(), false)
		b.counters.add(ledgerEndFailed)
		b.log(hclog.Debug, told, "a credential that is due could not be ended", "error", err)
		return sweepReport{failed: 1, unreachable: client.Unreachable(err)}
	}
	if err := b.forgetRecord(ctx, storage, record, read); err != nil {
		b.log(hclog.Debug, told, "the record of a credential could not be deleted", "error", err)
		return sweepReport{failed: 1}
	}
	b.forgetShared(ctx, storage, record)
	b.forgetTrouble(id)
	b.notice(hclog.Info, ledgerEnded, told, "credential ended by the ledger", "token_id", record.TokenID, "deadline", record.Deadline)
	return sweepReport{ended: 1}
}
