package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// youngShare of its lease: a token that young was probably replaced by a watcher's first renewal.
const youngShare = 10

// Lease is what Vault keeps of a credential.
type Lease struct {
	ID ledger.ID
	// AccessToken is the lease's own token; empty where there is none. URL is where it lives, and Role
	// what it was read from.
	AccessToken, URL, Role string
	Mode                   lease.Mode
	// Issued and End are zero where they are unknown.
	Issued, End time.Time
	// Increment is the client's wish; 0 for none.
	Increment time.Duration
}

// token is the token that a lease is for. A personal access token is not in the record, which is
// written before the token is made, but in the lease's own data; the result is empty where it is
// not there either. The token is taken for what it says of itself: with another id, or a value that
// ProcessMaker never made, it would seem to be dead.
func (l Lease) token(record *ledger.Record) client.Token {
	if record.HasToken() {
		return record.Token()
	}
	token, err := client.ReadToken(l.AccessToken, record.IssueTime)
	if err != nil {
		return client.Token{}
	}
	return token
}

var errEnded = errors.New("the credential of this lease is kept no more: it has ended, is about to, or its record was dropped; read the role again")

type renewal struct {
	lease.Renewal
	record *ledger.Record
	token  client.Token
}

// Renew lengthens a lease. Its errors are plain: Vault makes each a 400.
func (s *Service) Renew(ctx context.Context, held Lease) (renewed *Credential, err error) {
	began := s.Clock.Now()
	workCtx, cancel := context.WithTimeout(context.Background(), token.ExchangesTimeout)
	defer cancel()
	unlock, err := s.Ledger.Lock(ctx, workCtx, held.ID)
	if err != nil {
		return nil, err
	}
	defer unlock()
	record, err := s.Ledger.Get(ctx, held.ID)
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, errEnded
	}
	subject, before := record.Subject().StartedAt(began), record.TokenID
	renewed, err = s.renewRecord(ctx, workCtx, held, record)
	subject.Unchanged = record.TokenID == before
	s.renewalEnded(subject, record, err)
	return renewed, err
}

func (s *Service) renewalEnded(subject telemetry.Subject, record *ledger.Record, err error) {
	if err == nil {
		s.Report.Happened(hclog.Debug, telemetry.CredsRenewed, subject, "credential renewed", "token_id", record.TokenID)
		return
	}
	s.Report.Count(telemetry.CredsRenewFailed)
	// A role that was deleted since is not brought back to memory.
	if known := s.Report.Health.Known(record.Role); known != nil && !errors.Is(err, errEnded) && !errors.Is(err, lease.ErrOver) {
		known.Failed(s.Clock.Now(), "renewal: "+err.Error(), "", time.Time{})
	}
	s.Report.Log(hclog.Debug, subject, "credential not renewed", "error", err)
}

func (s *Service) renewRecord(ctx, workCtx context.Context, held Lease, record *ledger.Record) (*Credential, error) {
	if record.State != ledger.Live {
		return nil, errEnded
	}
	r := &renewal{record: record, token: held.token(record), Renewal: lease.Renewal{
		Now:         s.Clock.Now(),
		Issued:      held.Issued,
		End:         held.End,
		Deadline:    record.Deadline,
		TTL:         record.TTL,
		Increment:   held.Increment,
		MountMaxTTL: s.host.MaxLeaseTTL(),
	}}
	if r.Issued.IsZero() {
		r.Issued = record.IssueTime
	}
	if r.MountMaxTTL <= 0 {
		return nil, errNoMaximum
	}
	if !r.LastMoment().After(r.Now) {
		return nil, lease.ErrOver
	}
	switch lease.Mode(record.RenewMode) {
	case lease.Extend:
		return r.extend()
	case lease.Refresh:
		return s.refresh(ctx, workCtx, r)
	default:
		return nil, errors.New("this lease cannot be renewed (renew_mode none); read the role again")
	}
}

// extend keeps the token, on a lease within the token's life.
func (r *renewal) extend(warnings ...string) (*Credential, error) {
	return r.extendWithin(r.token.ExpireTime, warnings...)
}

// extendWithin keeps the token, on a lease that ends before end does.
func (r *renewal) extendWithin(end time.Time, warnings ...string) (*Credential, error) {
	if r.token.Value == "" {
		return nil, errors.New("the lease does not hold its token any more; read the role again")
	}
	terms, err := r.Terms(end)
	if err != nil {
		return nil, err
	}
	terms.Warnings = append(terms.Warnings, warnings...)
	return &Credential{Record: r.record, Token: r.token, Terms: terms, At: r.Now}, nil
}

// refresh trades the token for a new one, if the lease gains by it.
func (s *Service) refresh(ctx, workCtx context.Context, r *renewal) (*Credential, error) {
	bound, err := s.sameRole(ctx, r.record)
	if err != nil {
		return nil, err
	}
	if err := s.try(workCtx, r, bound); err != nil {
		return nil, err
	}
	age := r.Now.Sub(r.record.TokenReceivedAt)
	doubt := s.doubtOf(r.record)
	idle := !r.Grows() || age < bound.RefreshMinAge || s.host.Tainted()
	if !doubt.Doubtful && idle {
		return r.extend()
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("role %q: %w", r.record.Role, err)
	}
	outcome, err := s.Broker.Refresh(workCtx, token.Holding{
		Bound:        bound,
		Fingerprint:  r.record.Fingerprint,
		Token:        r.record.Token(),
		RefreshToken: r.record.RefreshToken,
		Doubt:        doubt,
		AskOnly:      idle,
		Store: func(grant *client.Grant) error {
			next := *r.record
			next.Hold(grant)
			next.Untried = grant.Access.Twin()
			if err := s.Ledger.Update(r.record, &next, r.Now); err != nil {
				return err
			}
			*r.record = next
			return nil
		},
	})
	if err != nil {
		s.keepDoubt(r.record, outcome.Doubt)
		return nil, fmt.Errorf("role %q: %w", r.record.Role, err)
	}
	if outcome.Kept != nil {
		return s.keep(r, outcome)
	}
	s.doubts.Delete(r.record.ID)
	r.token = r.record.Token()
	if err := s.try(workCtx, r, bound); err != nil {
		return nil, err
	}
	warnings := outcome.Warnings
	if age < r.record.TTL/youngShare {
		warnings = append(warnings, fmt.Sprintf("this renewal killed a token that was only %s old. A client that renews by itself and does not take the new token from the answer now holds a dead one: read with renew_mode=extend for it, or set refresh_min_age on the role", age.Round(time.Second)))
	}
	// ProcessMaker's work took time, and Vault counts from when it gets the answer.
	r.Now = s.Clock.Now()
	return r.extend(warnings...)
}

// keep answers the token that could not be refreshed, with what is open about it.
func (s *Service) keep(r *renewal, outcome token.Outcome) (*Credential, error) {
	s.keepDoubt(r.record, outcome.Doubt)
	r.Now = s.Clock.Now() // as after a refresh
	end := r.token.ExpireTime
	if most := lease.TokenEndFor(r.Now, outcome.AtMost); outcome.AtMost > 0 && most.Before(end) {
		end = most
	}
	return r.extendWithin(end, outcome.Warnings...)
}

// sameRole binds the role of a record if it still is what it was at issue.
func (s *Service) sameRole(ctx context.Context, record *ledger.Record) (*role.Binding, error) {
	refuse := func(format string, args ...any) (*role.Binding, error) {
		return nil, fmt.Errorf("role %q: %s; read the role again with \"vault read %screds/%s\"", record.Role, fmt.Sprintf(format, args...), problem.Mount, record.Role)
	}
	inst, err := s.Instances.Current(ctx)
	if err != nil {
		return nil, err
	}
	if inst == nil || inst.Config.Deleted {
		return refuse("the mount's config was deleted, so its leases cannot be renewed by refresh")
	}
	entry, err := s.Roles.Get(ctx, record.Role)
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return refuse("it was deleted, so its leases cannot be renewed by refresh")
	}
	if inst.Config.URL != record.Fingerprint.URL {
		return refuse("the mount's url was changed since this lease began")
	}
	bound, err := entry.BindTo(inst)
	if err != nil {
		return nil, fmt.Errorf("role %q: %w", record.Role, err)
	}
	if field := record.Fingerprint.Differs(bound.Fingerprint); field != "" {
		return refuse("its %s was changed since this lease began", field)
	}
	return bound, nil
}
