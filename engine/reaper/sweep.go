// Package reaper ends what is due, lost, or asked to be ended now. It owns no keys and no locks,
// and the sweep's cursor in memory. It may import engine/credential and what that may import.
package reaper

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/session"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

const (
	// sweepBuckets bounds the minutes that one pass looks at.
	sweepBuckets = 500
	// SweepWidth bounds the credentials ended at a time. The client's lane bounds the calls.
	SweepWidth = 8
	// cursorStride is how far the cursor in memory may be ahead of the stored one.
	cursorStride = 10 * time.Minute
)

// Reaper ends what is due, lost, or asked to be ended now.
type Reaper struct {
	*token.Broker
	sessions    *session.Manager
	credentials *credential.Service
	// cursor belongs to the one Tick under way, and stored is its stored form.
	cursor *ledger.Cursor
	stored ledger.Cursor
}

// New reads nothing.
func New(tokens *token.Broker, sessions *session.Manager, credentials *credential.Service) *Reaper {
	return &Reaper{Broker: tokens, sessions: sessions, credentials: credentials}
}

// Report says what one pass did.
type Report struct {
	Ended, Failed int
	// Unreadable is one of the records that could not be read; nil if all could.
	Unreadable error
	// Unreachable: the pass was cut short, because nothing can be ended now.
	Unreachable bool
	// CaughtUp: every minute up to now was looked at.
	CaughtUp bool
}

func (r *Report) add(other Report) {
	r.Ended += other.Ended
	r.Failed += other.Failed
	if other.Unreadable != nil {
		r.Unreadable = other.Unreadable
	}
	r.Unreachable = r.Unreachable || other.Unreachable
}

// Tick sweeps from where the last Tick ended. Only one may run at a time.
func (r *Reaper) Tick(ctx context.Context) {
	if r.cursor == nil {
		cursor, err := r.Ledger.ReadCursor(ctx)
		if err != nil {
			r.Report.Log(hclog.Warn, telemetry.Subject{}, "the ledger's cursor could not be read", "error", err)
			return
		}
		r.cursor = cursor
	}
	_, err := r.sweep(ctx, r.cursor)
	shown := *r.cursor
	shown.Left = slices.Clone(r.cursor.Left)
	r.Ledger.PublishCursor(&shown)
	if err != nil {
		r.Report.Log(hclog.Warn, telemetry.Subject{}, "the ledger could not be swept", "error", err)
	}
	// A write saves listings after a restart; one a minute for each mount costs more than that.
	if r.cursor.AheadOf(&r.stored) < cursorStride && slices.Equal(r.cursor.Left, r.stored.Left) {
		return
	}
	if err := r.Ledger.PutCursor(ctx, r.cursor); err != nil {
		r.Report.Log(hclog.Warn, telemetry.Subject{}, "the ledger's cursor could not be stored", "error", err)
		return
	}
	r.stored = *r.cursor
	r.stored.Left = slices.Clone(r.cursor.Left)
}

// Sweep ends what is due now, for an operator who does not wait for the next Tick.
func (r *Reaper) Sweep(ctx context.Context) (Report, error) {
	cursor, err := r.Ledger.ReadCursor(ctx)
	if err != nil {
		return Report{}, err
	}
	return r.sweep(ctx, cursor)
}

// sweep looks at every minute from the cursor to now and ends what is due. Its cost does not depend
// on how many credentials live: it never lists the ledger as a whole.
func (r *Reaper) sweep(ctx context.Context, cursor *ledger.Cursor) (total Report, err error) {
	now := r.Clock.Now()
	cursor.Rewind(now)
	lookup := credential.NewLookup()
	isDue := func(record *ledger.Record) bool { return !record.Deadline.After(now) }
	for !total.Unreachable {
		for _, bucket := range cursor.Buckets(now, sweepBuckets) {
			if err := ctx.Err(); err != nil {
				return total, err
			}
			ids, err := r.Ledger.List(ctx, bucket)
			if err != nil {
				return total, err
			}
			report := r.endAll(ctx, ids, lookup, isDue)
			total.add(report)
			cursor.Done(bucket, now, report.Failed > 0)
			if report.Unreachable {
				break
			}
		}
		if total.CaughtUp = cursor.CaughtUp(now); total.CaughtUp {
			break
		}
	}
	return total, nil
}

// EndMatching ends every credential of the ledger that matches, whatever its lease says.
func (r *Reaper) EndMatching(ctx context.Context, matches func(*ledger.Record) bool) (Report, error) {
	ids, err := r.Ledger.All(ctx)
	if err != nil {
		return Report{}, err
	}
	return r.endAll(ctx, ids, credential.NewLookup(), matches), nil
}

// endAll ends the credentials that match, a few at a time.
func (r *Reaper) endAll(ctx context.Context, ids []ledger.ID, lookup *credential.Lookup, matches func(*ledger.Record) bool) Report {
	var (
		mu     sync.Mutex
		report Report
		group  errgroup.Group
	)
	pass := &pass{Reaper: r, lookup: lookup, matches: matches}
	group.SetLimit(SweepWidth)
	for _, id := range ids {
		group.Go(func() error {
			one := pass.endOne(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			report.add(one)
			return nil
		})
	}
	_ = group.Wait() // the functions return none
	return report
}

type pass struct {
	*Reaper
	lookup  *credential.Lookup
	matches func(*ledger.Record) bool
	// first lets the first credential be ended alone: after an outage that finds out whether
	// ProcessMaker is back, and all others would be refused in between.
	first sync.Once
}

func (p *pass) endOne(ctx context.Context, id ledger.ID) (report Report) {
	defer func() {
		if p.Report.Recovered(recover(), "ending a credential") {
			report = Report{Failed: 1}
		}
	}()
	unlock, err := p.Ledger.Lock(ctx, ctx, id)
	if err != nil {
		return Report{Failed: 1}
	}
	defer unlock()
	readAt := p.Clock.Now()
	record, err := p.Ledger.Get(ctx, id)
	if err != nil {
		return p.unread(id, err)
	}
	if record == nil || !p.matches(record) {
		return Report{}
	}
	alone := false
	p.first.Do(func() { alone, report = true, p.end(ctx, record, readAt) })
	if !alone {
		report = p.end(ctx, record, readAt)
	}
	return report
}

// end ends the credential of a record that was read at readAt.
func (p *pass) end(ctx context.Context, record *ledger.Record, readAt time.Time) Report {
	id := record.ID
	subject := record.Subject().StartedAt(p.Clock.Now()).Try(p.credentials.Attempts.Number(id))
	if err := p.credentials.End(ctx, record, p.lookup); err != nil {
		p.credentials.Attempts.Failed(id, p.Clock.Now(), false)
		p.Report.Count(telemetry.LedgerEndFailed)
		p.Report.Log(hclog.Debug, subject, "a credential that is due could not be ended", "error", err)
		return Report{Failed: 1, Unreachable: client.Unreachable(err)}
	}
	if err := p.credentials.Forget(ctx, record, readAt); err != nil {
		p.Report.Log(hclog.Debug, subject, "the record of a credential could not be deleted", "error", err)
		return Report{Failed: 1}
	}
	p.Report.Happened(hclog.Info, telemetry.LedgerEnded, subject, "credential ended by the ledger", "token_id", record.TokenID, "deadline", record.Deadline)
	return Report{Ended: 1}
}

func (p *pass) unread(id ledger.ID, err error) Report {
	p.Report.Log(hclog.Warn, telemetry.Subject{ID: string(id)}, "a credential of the ledger could not be read", "error", err)
	if !store.IsUnreadable(err) {
		return Report{Failed: 1}
	}
	p.credentials.Attempts.Hopeless(id, p.Clock.Now(), err)
	return Report{Failed: 1, Unreadable: err}
}
