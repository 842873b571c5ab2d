package credential

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

const (
	// DeferAfter is how long a revocation fails before the ledger takes it over. Vault gives up
	// after about ten minutes and calls the lease irrevocable from then on.
	DeferAfter = 5 * time.Minute
	// forgetFailuresAfter is longer than Vault repeats a revocation.
	forgetFailuresAfter = 24 * time.Hour
)

// Revoke ends the credential of a lease. An error means that it may still live, and Vault tries
// again. It needs neither the role nor the config's secrets, and may be repeated. The warning says
// that the ledger ends the credential later.
func (s *Service) Revoke(ctx context.Context, held Lease) (warning string, err error) {
	began := s.Clock.Now()
	unlock, err := s.Ledger.Lock(ctx, ctx, held.ID)
	if err != nil {
		return "", err
	}
	defer unlock()
	readAt := s.Clock.Now()
	record, err := s.Ledger.Get(ctx, held.ID)
	if ledger.IsDamaged(err, held.ID) {
		return "", s.revokeDamaged(ctx, held, err)
	}
	if err != nil {
		return "", err
	}
	if record == nil {
		s.Report.Log(hclog.Debug, telemetry.Subject{ID: string(held.ID)}, "credential was already ended")
		return "", nil
	}
	ending := record
	if token := held.token(record); !record.HasToken() && token.Value != "" {
		ending = record.With(token)
	} else if !record.HasToken() {
		unheld := *record
		unheld.State = ledger.Due // the lease cannot end it
		ending = &unheld
	}
	subject := record.Subject().StartedAt(began).Try(s.Attempts.Number(held.ID))
	if err := s.End(ctx, ending, NewLookup()); err != nil {
		s.Report.Count(telemetry.CredsRevokeFailed)
		s.Report.Log(hclog.Debug, subject, "credential could not be ended", "error", err)
		return s.deferRevocation(record, ending, err)
	}
	// Last, so that a failure anywhere before leaves the record to try again with.
	if err := s.Forget(ctx, record, readAt); err != nil {
		return "", err
	}
	s.Ended(ByLease, subject, ending)
	return "", nil
}

// revokeDamaged ends the token of a lease whose record cannot be read, with the lease's own token,
// and drops the record then. Where that fails the damage is told.
func (s *Service) revokeDamaged(ctx context.Context, held Lease, damage error) error {
	inst, err := s.Instances.Current(ctx)
	if err != nil {
		return err
	}
	token, err := client.ReadToken(held.AccessToken, held.Issued)
	if err != nil || inst == nil || inst.Config.URL != held.URL {
		return damage
	}
	lived, err := inst.Client.EndToken(ctx, token)
	switch {
	case err != nil:
		return fmt.Errorf("credential %s may still live: %w", held.ID, err)
	case !lived && held.Mode == lease.Refresh:
		// A refresh that Vault did not save has killed it, and the record had the new one.
		return damage
	}
	if err := s.Ledger.Drop(ctx, held.ID); err != nil {
		return err
	}
	s.ForgetAttempts(held.ID)
	s.Report.Log(hclog.Info, telemetry.Subject{ID: string(held.ID)}, "the record of a credential could not be read; its token was ended with the lease's")
	ended := &ledger.Record{ID: held.ID, Role: held.Role}
	ended.TokenID = token.ID
	s.Ended(ByLease, ended.Subject(), ended)
	return nil
}

// ErrOutOfReach marks a credential that this mount has no way to end: it lives at another instance,
// is known by name alone while no role is left that could look it up, or is a twin whose refusal
// proves nothing and that came without a refresh token.
var ErrOutOfReach = errors.New("out of reach")

// outOfReach is the error about a credential that force=true can drop.
func outOfReach(id ledger.ID, why string) error {
	return &problem.Error{Text: fmt.Sprintf("credential %s %s. To drop its record without ending its token, type \"vault write %scredentials/%s/revoke force=true\"", id, why, problem.Mount, id), Err: ErrOutOfReach}
}

// End makes sure that a record's token is dead. One that the record does not hold is found by name.
func (s *Service) End(ctx context.Context, record *ledger.Record, lookup *Lookup) error {
	if !s.Clock.Now().Before(record.TokenExpireTime) {
		return nil
	}
	inst, err := s.Instances.Current(ctx)
	if err != nil {
		return err
	}
	if inst == nil || inst.Config.URL != record.Fingerprint.URL {
		return outOfReach(record.ID, fmt.Sprintf("lives at %s, which this mount is not configured for; write config with that url", record.Fingerprint.URL))
	}
	if !record.HasToken() {
		return s.endByName(ctx, inst, record, lookup)
	}
	lived, err := s.Broker.Revoke(ctx, inst, record)
	switch {
	case err == nil:
		s.countUnseen(record, inst, lived)
		return nil
	case client.KindOf(err) == client.TwinRefused && record.TokenName != "":
		// What its own authority does not end, that of the role's session does.
		return s.endByName(ctx, inst, record, lookup)
	case client.KindOf(err) == client.TwinRefused:
		return outOfReach(record.ID, fmt.Sprintf("of role %q may still live: %s", record.Role, err))
	default:
		return fmt.Errorf("credential %s of role %q may still live: %w", record.ID, record.Role, err)
	}
}

// Forget deletes a record, read at readAt, after the end of its token, and what else remembers the
// credential. It is a Conflict where another node has given the record another token since.
func (s *Service) Forget(ctx context.Context, record *ledger.Record, readAt time.Time) error {
	if err := s.Ledger.Remove(ctx, record, readAt); err != nil {
		return err
	}
	s.unshare(ctx, record)
	s.ForgetAttempts(record.ID)
	return nil
}

// deferRevocation marks a credential due that cannot be revoked now, so that the ledger ends it
// once ProcessMaker is back, and Vault can let go of the lease; so it does with a twin that the lease
// cannot end, now or later. Otherwise the failure stays one, also while the mount is being disabled:
// the ledger goes with the mount. ending holds the token of the lease, which is about to go.
func (s *Service) deferRevocation(record, ending *ledger.Record, failure error) (warning string, err error) {
	now := s.Clock.Now()
	since := s.Attempts.Failed(record.ID, now, failure, client.KindOf(failure) == client.Unavailable)
	outage := !since.IsZero() && now.Sub(since) >= DeferAfter
	beyond := errors.Is(failure, ErrOutOfReach) && ending.HasToken() && ending.Token().Twin()
	if !outage && !beyond || s.host.Tainted() {
		return "", failure
	}
	due := *ending
	due.Doubt = s.doubtOf(record)
	if err := s.Ledger.MarkDueFrom(record, &due); err != nil {
		s.Report.Log(hclog.Warn, record.Subject(), "a revocation could not be handed over to the ledger", "error", err)
		return "", failure
	}
	s.ForgetAttempts(record.ID)
	if beyond {
		s.Report.Happened(hclog.Warn, telemetry.LedgerDue, record.Subject(), "the end of a credential could not be proved; the ledger goes on trying", "due_as", due.ID, "token_id", due.TokenID, "error", failure)
		return failure.Error(), nil
	}
	s.Report.Happened(hclog.Warn, telemetry.LedgerDue, record.Subject(), "ProcessMaker has been unreachable; the credential is ended by the ledger once it is back", "due_as", due.ID, "token_id", due.TokenID)
	return fmt.Sprintf("credential %s may still live: ProcessMaker has been unreachable for %s, and the engine ends it once it is back", record.ID, DeferAfter), nil
}

// ForgetAttempts drops what memory holds of a credential's failures.
func (s *Service) ForgetAttempts(id ledger.ID) {
	s.Attempts.Over(id)
	s.doubts.Delete(id)
}

// Attempts remembers which endings have failed, how often, and since when because ProcessMaker was
// unreachable. It is in memory alone: after a restart it counts anew. The zero value is empty.
type Attempts struct {
	mu   sync.Mutex
	byID map[ledger.ID]*attempt
}

type attempt struct {
	count            int
	last             time.Time
	unreachableSince time.Time // zero unless it was
	hopeless         error     // nil unless further attempts are of no use
	why              error     // of the last
}

// Failed records a failure and tells since when ProcessMaker has been unreachable; zero if it is
// not.
func (l *Attempts) Failed(id ledger.ID, now time.Time, why error, unreachable bool) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.counted(id, now)
	known.hopeless, known.why = nil, why
	if !unreachable {
		return time.Time{}
	}
	if known.unreachableSince.IsZero() {
		known.unreachableSince = now
	}
	return known.unreachableSince
}

// counted is the entry of an id with a failure more. The mutex is held.
func (l *Attempts) counted(id ledger.ID, now time.Time) *attempt {
	if l.byID == nil {
		l.byID = map[ledger.ID]*attempt{}
	}
	known := l.byID[id]
	if known == nil {
		known = &attempt{}
		l.byID[id] = known
	}
	known.count++
	known.last = now
	return known
}

// Hopeless records a failure that no repetition mends.
func (l *Attempts) Hopeless(id ledger.ID, now time.Time, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.counted(id, now)
	known.hopeless, known.why = why, why
}

// Why is the failure of the last attempt; nil where none failed.
func (l *Attempts) Why(id ledger.ID) error { return l.get(id).why }

// get is a copy of what is known of id, all zero where nothing is.
func (l *Attempts) get(id ledger.ID) attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[id]; known != nil {
		return *known
	}
	return attempt{}
}

// WhyHopeless is the failure of the last attempt if no repetition mends it, and otherwise nil.
func (l *Attempts) WhyHopeless(id ledger.ID) error { return l.get(id).hopeless }

// Number is that of the attempt that is under way, from 1.
func (l *Attempts) Number(id ledger.ID) int { return l.get(id).count + 1 }

// Over forgets an id that needs no further attempt.
func (l *Attempts) Over(id ledger.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, id)
}

// ForgetOld drops the ids that have not failed for longer than Vault repeats a revocation.
func (l *Attempts) ForgetOld(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, known := range l.byID {
		if now.Sub(known.last) > forgetFailuresAfter {
			delete(l.byID, id)
		}
	}
}

// Len is how many ids are remembered.
func (l *Attempts) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byID)
}
