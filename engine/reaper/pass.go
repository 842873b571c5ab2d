package reaper

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// mostFailures bounds those that are told one by one.
const mostFailures = 20

// Failure is a credential that could not be ended. Role is empty where it is not known.
type Failure struct {
	ID   ledger.ID
	Role string
	Why  error
}

func failed(id ledger.ID, role string, why error) Report {
	return Report{Matched: 1, Failed: 1, Failures: []Failure{{id, role, why}}}
}

// EndMatching ends every credential of the ledger that matches, whatever its lease says.
func (r *Reaper) EndMatching(ctx context.Context, matches func(*ledger.Record) bool) (Report, error) {
	return r.newPass(credential.ByOperator, matches).endEach(ctx)
}

// endEach walks the ledger: first for what the record's own token ends, and then, if there is any,
// for what has to be looked up by its name.
func (p *pass) endEach(ctx context.Context) (total Report, err error) {
	for _, p.lookupsOnly = range []bool{false, true} {
		putOff := false
		err := p.Ledger.Walk(ctx, "", func(ids []ledger.ID) (bool, error) {
			report := p.endAll(ctx, ids, p.lookupsOnly)
			putOff, report.later = putOff || len(report.later) > 0, nil
			total.add(report)
			return !total.Cut, ctx.Err()
		})
		if err != nil || total.Cut || !putOff {
			return total, err
		}
	}
	return total, nil
}

func (r *Reaper) newPass(reason credential.Reason, matches func(*ledger.Record) bool) *pass {
	return &pass{Reaper: r, reason: reason, lookup: credential.NewLookup(), matches: matches}
}

// endAll ends the credentials that match, a few at a time. Those known by name alone are put off
// unless byName is set.
func (p *pass) endAll(ctx context.Context, ids []ledger.ID, byName bool) Report {
	var (
		mu     sync.Mutex
		report Report
		group  errgroup.Group
	)
	group.SetLimit(SweepWidth)
	for _, id := range ids {
		if p.isOver() {
			mu.Lock()
			report.Cut = true
			mu.Unlock()
			break
		}
		group.Go(func() error {
			one := p.endOne(ctx, id, byName)
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
	reason  credential.Reason
	lookup  *credential.Lookup
	matches func(*ledger.Record) bool
	// lookupsOnly: only what has to be looked up is ended.
	lookupsOnly bool
	// until is when to give up; zero for never.
	until time.Time
	// namesakes: whatever bears the name of a credential is ended with it.
	namesakes bool
	// dry: nothing is ended.
	dry bool
	// first lets the first credential be ended alone: after an outage that finds out whether
	// ProcessMaker is back, and all others would be refused in between.
	first sync.Once
}

func (p *pass) isOver() bool { return !p.until.IsZero() && p.Clock.Now().After(p.until) }

func (p *pass) endOne(ctx context.Context, id ledger.ID, byName bool) (report Report) {
	defer func() {
		if p.Report.Recovered(recover(), "ending a credential") {
			report = failed(id, "", telemetry.ErrPanicked)
		}
	}()
	unlock, err := p.Ledger.Lock(ctx, ctx, id)
	if err != nil {
		report = failed(id, "", err)
		report.Retryable = true
		return report
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
	switch {
	case p.dry:
		return Report{Matched: 1}
	case !record.HasToken() && !byName:
		return Report{later: []ledger.ID{id}}
	case p.lookupsOnly && record.HasToken():
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
	end := p.credentials.End
	if p.namesakes {
		end = p.endAllOfName
	}
	if err := end(ctx, record, p.lookup); err != nil {
		p.credentials.Attempts.Failed(id, p.Clock.Now(), err, false)
		p.Report.Count(telemetry.LedgerEndFailed)
		p.Report.Log(hclog.Debug, subject, "a credential that is due could not be ended", "error", err)
		report := failed(id, record.Role, err)
		report.Unreachable, report.Retryable = client.Unreachable(err), isPassing(err)
		return report
	}
	if err := p.credentials.Forget(ctx, record, readAt); err != nil {
		p.Report.Log(hclog.Debug, subject, "the record of a credential could not be deleted", "error", err)
		report := failed(id, record.Role, err)
		report.Retryable = true
		return report
	}
	p.credentials.Ended(p.reason, subject, record)
	return Report{Matched: 1, Ended: 1}
}

// isPassing tells whether the reason of a failure may be gone a moment later. Only what is known to
// need somebody's hand is not.
func isPassing(err error) bool {
	if errors.Is(err, credential.ErrOutOfReach) {
		return false
	}
	switch client.KindOf(err) {
	case client.GrantDead, client.ClientRefused, client.GrantNotEnabled, client.ScopeRefused, client.BadRequest, client.UnusableToken:
		return false
	default:
		return problem.KindOf(err) != problem.Refused
	}
}

func (p *pass) unread(id ledger.ID, err error) Report {
	p.Report.Log(hclog.Warn, telemetry.Subject{ID: string(id)}, "a credential of the ledger could not be read", "error", err)
	report := failed(id, "", err)
	if !store.IsUnreadable(err) {
		report.Retryable = true
		return report
	}
	p.credentials.Attempts.Hopeless(id, p.Clock.Now(), err)
	report.Unreadable = err
	return report
}
