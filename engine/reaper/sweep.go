// Package reaper ends what is due, lost, or asked to be ended now. It owns no keys and no locks,
// and the sweep's cursor in memory. It may import engine/credential and what that may import.
package reaper

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/session"
	"vault-plugin-secrets-processmaker/engine/token"
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
	// Matched are those that were to be ended; but for what is put off, they were Ended or Failed.
	Matched, Ended, Failed int
	// Failures are the first of those that failed.
	Failures []Failure
	// Unreadable is one of the records that could not be read; nil if all could.
	Unreadable error
	// Unreachable: the pass was cut short, because nothing can be ended now.
	Unreachable bool
	// CaughtUp: every minute up to now was looked at.
	CaughtUp bool
	// Cut: the time was up before all was looked at.
	Cut bool
	// Retryable: something failed that may work a moment later.
	Retryable bool
	// later are the credentials that were put off, because they have to be looked up.
	later []ledger.ID
}

func (r *Report) add(other Report) {
	r.Matched += other.Matched
	r.Ended += other.Ended
	r.Failed += other.Failed
	if other.Unreadable != nil {
		r.Unreadable = other.Unreadable
	}
	r.Failures = append(r.Failures, other.Failures[:min(len(other.Failures), mostFailures-len(r.Failures))]...)
	r.Cut = r.Cut || other.Cut
	r.Unreachable = r.Unreachable || other.Unreachable
	r.Retryable = r.Retryable || other.Retryable
	r.later = append(r.later, other.later...)
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
	p := r.newPass(credential.ByLedger, func(record *ledger.Record) bool { return !record.Deadline.After(now) })
	later := map[string][]ledger.ID{}
	for !total.Unreachable {
		// The minutes with leftovers come last: what failed before keeps nothing else waiting.
		buckets := cursor.Buckets(now, sweepBuckets)
		buckets = slices.Concat(buckets[len(cursor.Left):], buckets[:len(cursor.Left)])
		report, remain, err := p.endBuckets(ctx, buckets, later)
		total.add(report)
		if err != nil {
			return total, err
		}
		for _, bucket := range buckets {
			if remains, looked := remain[bucket]; looked {
				cursor.Done(bucket, now, remains)
			}
		}
		if total.CaughtUp = cursor.CaughtUp(now); total.CaughtUp {
			break
		}
	}
	// A list may take a minute.
	for bucket, ids := range later {
		if total.Unreachable {
			break
		}
		total.add(p.endAll(ctx, ids, true))
		left, err := p.Ledger.List(ctx, bucket)
		if err != nil {
			return total, err
		}
		cursor.Done(bucket, now, len(left) > 0)
	}
	return total, nil
}

// endBuckets ends what the records' own tokens end in some minutes, and tells in later what has to be
// looked up by name. remain tells of each minute that was looked at whether records remain.
func (p *pass) endBuckets(ctx context.Context, buckets []string, later map[string][]ledger.ID) (total Report, remain map[string]bool, err error) {
	remain = map[string]bool{}
	for _, bucket := range buckets {
		if err := ctx.Err(); err != nil {
			return total, remain, err
		}
		ids, err := p.Ledger.List(ctx, bucket)
		if err != nil {
			return total, remain, err
		}
		report := p.endAll(ctx, ids, false)
		delete(later, bucket)
		if len(report.later) > 0 {
			later[bucket] = report.later
		}
		remain[bucket] = report.Failed > 0 || len(report.later) > 0
		report.later = nil
		total.add(report)
		if report.Unreachable {
			break
		}
	}
	return total, remain, nil
}
