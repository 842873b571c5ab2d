// Package credential issues, renews, shares and ends what readers get. It owns the keys below
// "static/", the locks of shared credentials, and in memory those credentials, the failed attempts
// to end one, and the mount's longest lease. It may import engine/session and what that may import.
package credential

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/session"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/keylock"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Host is what a Service asks of Vault.
type Host interface {
	MaxLeaseTTL() time.Duration
	// Tainted tells whether the mount is being disabled.
	Tainted() bool
}

// Service issues, renews, shares and ends the credentials of a mount.
type Service struct {
	*token.Broker
	// Attempts are the failed attempts to end a credential.
	Attempts Attempts
	host     Host
	sessions *session.Manager
	limit    atomic.Pointer[mountLimit]
	// doubts are those that the records do not hold.
	doubts sync.Map // ledger.ID to ledger.Doubt
	// statics locks the static credentials of roles.
	statics *keylock.Locks
	// mirrors are the stored static credentials in memory, by role.
	mirrors store.Cache[Shared]
}

// NewService reads nothing.
func NewService(host Host, tokens *token.Broker, sessions *session.Manager) *Service {
	return &Service{Broker: tokens, host: host, sessions: sessions, statics: keylock.New()}
}

// Request is what a reader asks for, checked against the role.
type Request struct {
	Mode lease.Mode
	// TTL is the reader's own wish; 0 for none.
	TTL time.Duration
	// EntityID and DisplayName are the reader's.
	EntityID, DisplayName string
}

// Credential is a token that a record knows, and the terms of its lease.
type Credential struct {
	Record *ledger.Record
	Token  client.Token
	Terms  lease.Terms
	// At is when the terms begin.
	At time.Time
}

// Issue makes a token for one reader. Its errors are in words for the reader.
func (s *Service) Issue(ctx context.Context, bound *role.Binding, asked Request) (*Credential, error) {
	began := s.Clock.Now()
	limit := s.maxTTL(began)
	if limit <= 0 {
		return nil, fmt.Errorf("role %q: %w", bound.Name, errNoMaximum)
	}
	terms := lease.Issue(lease.Bounds{TTL: bound.TTL, MaxTTL: bound.MaxTTL, MountMaxTTL: limit}, asked.Mode, asked.TTL)
	issued, err := s.obtain(ctx, bound, ledger.Facts{
		Record: ledger.Record{RenewMode: string(asked.Mode), EntityID: asked.EntityID, DisplayName: asked.DisplayName, TTL: terms.TTL},
		Life:   terms.MaxTTL + lease.DeadlineSlack,
	})
	if err != nil {
		return nil, err
	}
	mode := lease.Mode(issued.Record.RenewMode)
	if mode != asked.Mode {
		terms.Warnings = append(terms.Warnings, "ProcessMaker gave no refresh token, so renewals keep this token (renew_mode extend)")
	}
	issued.Terms = terms.WithinToken(mode, issued.Token.ExpireTime.Sub(issued.At)).Until(issued.Record.Deadline, issued.At)
	if issued.Terms.TTL < time.Second {
		// Vault would make its longest lease of none.
		s.Broker.End(bound.Instance, issued.Record.With(issued.Token))
		return nil, fmt.Errorf("role %q: making the token took longer than its lease was to last; the token is not kept, read the role again", bound.Name)
	}
	s.Report.Happened(hclog.Debug, telemetry.CredsCreated, issued.Record.Subject().StartedAt(began), "credential issued", "token_id", issued.Token.ID, "renew_mode", mode)
	return issued, nil
}

// obtain makes a token that is on the ledger. facts lack what the role and the login tell.
func (s *Service) obtain(ctx context.Context, bound *role.Binding, facts ledger.Facts) (*Credential, error) {
	facts.Role, facts.State, facts.Username = bound.Name, ledger.Live, bound.Username
	how := s.logIn
	if bound.CredentialType == role.CredentialTypePersonalToken {
		how = s.mint
	}
	obtained, err := how(ctx, bound, facts)
	if err != nil {
		return nil, err
	}
	if err := s.confirmDelivery(ctx, bound, obtained); err != nil {
		return nil, err
	}
	s.Report.Health.Of(bound.Name).Issued(obtained.At)
	return obtained, nil
}

// logIn obtains a token by a login. The record is stored before anybody sees the token.
func (s *Service) logIn(ctx context.Context, bound *role.Binding, facts ledger.Facts) (*Credential, error) {
	grant, err := s.Broker.Login(ctx, bound)
	if err != nil {
		return nil, s.failed(bound, token.Explain(bound, err, s.Clock.Now()))
	}
	facts.Fingerprint = bound.Fingerprint
	if lease.Mode(facts.RenewMode) == lease.Refresh && grant.Refresh == "" {
		facts.RenewMode = string(lease.Extend)
	}
	record, err := s.Ledger.Draft(facts)
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("role %q: the reader went away; its token is not kept", bound.Name)
	}
	if err == nil {
		record.Hold(grant)
		err = s.Ledger.Put(record)
	}
	if err != nil {
		_ = s.Broker.Discard(bound.Instance, grant, bound.Facts("")) // the failure of Put is told
		return nil, err
	}
	return &Credential{Record: record, Token: grant.Access, At: s.Clock.Now()}, nil
}

// confirmDelivery ends a recorded token whose reader or config has gone since.
func (s *Service) confirmDelivery(ctx context.Context, bound *role.Binding, obtained *Credential) error {
	if ctx.Err() == nil && s.Instances.StillServes(bound.Instance) {
		return nil
	}
	s.Broker.End(bound.Instance, obtained.Record.With(obtained.Token))
	return fmt.Errorf("role %q: the reader went away or the config was deleted; the token is not kept", bound.Name)
}

// failed remembers that a reader got no credential, and returns what to answer.
func (s *Service) failed(bound *role.Binding, why *problem.Error) error {
	retryAt := why.RetryAt
	if retryAt.IsZero() {
		retryAt = bound.Gate.RefusedUntil()
	}
	s.Report.Count(telemetry.CredsCreateFailed)
	s.Report.Health.Of(bound.Name).Failed(s.Clock.Now(), why.Text, why.Cure, retryAt)
	s.Report.Log(hclog.Debug, telemetry.Subject{Role: bound.Name}, "no credential could be issued", "error", why.Text)
	return fmt.Errorf("role %q: %w", bound.Name, why)
}

// errNoMaximum: Vault answers 0 where its question for the mount's settings failed.
var errNoMaximum = errors.New("the maximum lease time of the mount (max_lease_ttl) could not be asked for; try again")

// mountLimitAge is how long a new lease may go by a mount's former maximum. A lease that is too
// long for the present one is cut by Vault itself, and its credential dies with it.
const mountLimitAge = 10 * time.Second

// mountLimit is the mount's maximum, kept: asking Vault costs as much as storing a lease.
type mountLimit struct {
	maxTTL time.Duration
	asked  time.Time
}

// maxTTL is the mount's maximum as it was mountLimitAge ago at most.
func (s *Service) maxTTL(now time.Time) time.Duration {
	if known := s.limit.Load(); known != nil {
		if age := now.Sub(known.asked); age >= 0 && age < mountLimitAge {
			return known.maxTTL
		}
	}
	known := &mountLimit{maxTTL: s.host.MaxLeaseTTL(), asked: now}
	if known.maxTTL > 0 { // a failed question is asked again
		s.limit.Store(known)
	}
	return known.maxTTL
}
