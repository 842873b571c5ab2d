package credential

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

const (
	// Prefix is where the static credentials are stored, under the names of their roles.
	Prefix        = "static/"
	sharedVersion = 1
	// StaleTTL is how long a reader should wait that got a credential which is past its rotation.
	StaleTTL = 5 * time.Second
)

// Keys are the keys of this package.
var Keys = []store.Key{{Prefix: Prefix, SealWrap: true, Local: true}}

func NameOf(name string) store.Name {
	return store.Name{Key: Prefix + name, What: fmt.Sprintf("the stored shared credential of role %q", name), Cure: fmt.Sprintf("make another with \"vault read %sstatic-creds/%s\"", problem.Mount, name)}
}

// Shared is the stored form of the static credential of a role. Its record on the ledger ends it at
// its deadline, whether or not anybody reads it again.
type Shared struct {
	Version int            `json:"version"`
	Record  *ledger.Record `json:"record"`

	TokenID         string    `json:"token_id"`
	TokenType       string    `json:"token_type"`
	TokenExpireTime time.Time `json:"token_expire_time"`
	AccessToken     string    `json:"access_token"`
	RotatedAt       time.Time `json:"rotated_at"`
	// RotateAt is when it was to be replaced as the role was at its rotation.
	RotateAt time.Time `json:"rotate_at"`
}

func (c *Shared) CurrentVersion() int { return sharedVersion }
func (c *Shared) Usable() bool {
	if c.Record == nil || c.AccessToken == "" || c.TokenID == "" {
		return false
	}
	_, err := ledger.ParseID(string(c.Record.ID))
	return err == nil
}

// FreshUntil is when the credential is to be replaced: earlier if the role's period was shortened
// since, and not later if it was lengthened, because its deadline is fixed.
func (c *Shared) FreshUntil(r *role.Role) time.Time {
	if shortened := c.RotatedAt.Add(r.RotationPeriod); shortened.Before(c.RotateAt) {
		return shortened
	}
	return c.RotateAt
}

// Token is the token that the credential holds.
func (c *Shared) Token() client.Token {
	return client.Token{Value: c.AccessToken, Type: c.TokenType, ID: c.TokenID, UserID: c.Record.UserID, ReceivedAt: c.RotatedAt, ExpireTime: c.TokenExpireTime}
}

// Stale is a static credential that lives past its rotation, because no other could be had.
type Stale struct {
	*Shared
	// Why is in words for the reader; nil for a credential that is fresh.
	Why error
}

// Shared returns the role's static credential, a new one if the last is past its rotation. Where
// none can be had, it returns the old one as long as that lives, with the reason.
func (s *Service) Shared(ctx context.Context, bound *role.Binding) (Stale, error) {
	if known := s.mirrors.Known(bound.Name); s.fresh(known, bound) {
		return Stale{Shared: known}, nil
	}
	unlock, err := s.statics.Lock(ctx, bound.Name)
	if err != nil {
		return Stale{}, fmt.Errorf("role %q: gave up waiting for the rotation: %w", bound.Name, err)
	}
	defer unlock()
	current, err := s.stored(ctx, bound.Name)
	if err != nil {
		return Stale{}, err
	}
	if s.fresh(current, bound) {
		return Stale{Shared: current}, nil
	}
	next, err := s.rotate(ctx, bound)
	if err == nil {
		return Stale{Shared: next}, nil
	}
	// The old one is not rotated away before another is there.
	if current != nil && current.Record.Fingerprint == bound.Fingerprint && s.Clock.Now().Before(current.Record.Deadline) && !s.endedAhead(current) {
		return Stale{Shared: current, Why: err}, nil
	}
	return Stale{}, err
}

// stored is the static credential in memory or storage, if one lives. The role's lock is held.
func (s *Service) stored(ctx context.Context, name string) (*Shared, error) {
	if known := s.mirrors.Known(name); known != nil {
		return known, nil
	}
	current, err := s.GetShared(ctx, name)
	if err != nil && !store.IsUnreadable(err) {
		return nil, err
	}
	// The record of one that cannot be read ends it all the same.
	if current == nil || s.endedAhead(current) {
		return nil, nil
	}
	s.mirrors.Keep(name, current)
	return current, nil
}

// GetShared returns a role's static credential, or nil; errors are storage's and store.Unreadable.
func (s *Service) GetShared(ctx context.Context, name string) (*Shared, error) {
	stored, err := store.Get[Shared](ctx, s.Storage, NameOf(name))
	if err == nil && stored != nil {
		s.Report.Health.Of(name).RotatedShared(stored.RotatedAt)
	}
	return stored, err
}

// SharedNames lists the roles that have a static credential, sorted.
func (s *Service) SharedNames(ctx context.Context) ([]string, error) {
	return s.Storage.List(ctx, Prefix)
}

// endedAhead tells whether a credential was ended ahead of its time, which deletes its record
// first: the plugin may have been killed before it forgot the credential, or its ender waits for
// us.
func (s *Service) endedAhead(c *Shared) bool {
	record, err := store.ReadOnOwnTime(func(ctx context.Context) (*ledger.Record, error) { return s.Ledger.Get(ctx, c.Record.ID) })
	return err == nil && record == nil
}

func (s *Service) fresh(c *Shared, bound *role.Binding) bool {
	return c != nil && c.Record.Fingerprint == bound.Fingerprint && s.Clock.Now().Before(c.FreshUntil(&bound.Role))
}

// rotate makes and stores a new static credential; the old one has a deadline. The lock is held.
func (s *Service) rotate(ctx context.Context, bound *role.Binding) (*Shared, error) {
	began := s.Clock.Now()
	// The readers are many, so the record names none.
	made, err := s.obtain(ctx, bound, ledger.Facts{Record: ledger.Record{RenewMode: string(lease.None), Shared: true}, Life: bound.RotationPeriod + bound.RotationOverlap})
	if err != nil {
		return nil, err
	}
	next, err := s.store(bound, made)
	if err != nil {
		s.Broker.End(bound.Instance, made.Record.With(made.Token))
		return nil, err
	}
	s.mirrors.Keep(bound.Name, next)
	s.Report.Health.Of(bound.Name).RotatedShared(next.RotatedAt)
	s.Report.Happened(hclog.Info, telemetry.CredsCreated, made.Record.Subject().StartedAt(began), "shared credential rotated", "token_id", made.Token.ID)
	return next, nil
}

func (s *Service) store(bound *role.Binding, made *Credential) (*Shared, error) {
	if !made.Record.HasToken() {
		// With the token in its record the ledger need not look for it by name at every rotation.
		made.Record.HoldToken(made.Token)
		if err := s.Ledger.Put(made.Record); err != nil {
			return nil, err
		}
	}
	next := &Shared{
		Version:         sharedVersion,
		Record:          made.Record,
		TokenID:         made.Token.ID,
		TokenType:       made.Token.Type,
		TokenExpireTime: made.Token.ExpireTime,
		AccessToken:     made.Token.Value,
		RotatedAt:       made.At,
		RotateAt:        made.At.Add(bound.RotationPeriod),
	}
	if err := s.Roles.StillBound(bound); err != nil {
		return nil, fmt.Errorf("role %q: %w", bound.Name, err)
	}
	err := store.OnOwnTime(func(ctx context.Context) error { return store.Put(ctx, s.Storage, Prefix+bound.Name, next) })
	if err != nil {
		return nil, err
	}
	return next, nil
}

// DropShared ends the static credential of a role if its fingerprint matches.
func (s *Service) DropShared(ctx context.Context, name string, inst *instance.Instance, matches func(ledger.Fingerprint) bool) error {
	unlock, err := s.statics.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := s.GetShared(ctx, name)
	if store.IsUnreadable(err) && (!store.IsNewer(err) || matches(ledger.Fingerprint{})) {
		s.Report.Log(hclog.Warn, telemetry.Subject{Role: name}, "a shared credential that cannot be read was dropped; its record in the ledger ends it", "error", err)
		return s.Storage.Delete(ctx, Prefix+name)
	}
	if err != nil || stored == nil || !matches(stored.Record.Fingerprint) {
		return err
	}
	if err := s.Storage.Delete(ctx, Prefix+name); err != nil {
		return err
	}
	s.ForgetShared(name)
	ending := stored.Record.With(stored.Token())
	if s.Broker.End(inst, ending) {
		s.Ended(ByOperator, ending.Subject(), ending)
	}
	return nil
}

// LocksInUse says how many locks are held or waited for.
func (s *Service) LocksInUse() int { return s.statics.InUse() }

// ForgetShared makes the next use of a role's static credential read storage again.
func (s *Service) ForgetShared(name string) { s.mirrors.Forget(name) }

// unshare makes sure that a credential that was ended ahead of its time is not shared any more.
func (s *Service) unshare(ctx context.Context, record *ledger.Record) {
	if !record.Shared || !s.Clock.Now().Before(record.Deadline) {
		return
	}
	// At once, even during a rotation: without a record the stored one is not shared either.
	s.forgetMirror(record)
	unlock, err := s.statics.Lock(ctx, record.Role)
	if err != nil {
		return
	}
	defer unlock()
	stored, err := s.GetShared(ctx, record.Role)
	if store.IsUnreadable(err) || (err == nil && stored != nil && stored.Record.ID == record.ID) {
		err = s.Storage.Delete(ctx, Prefix+record.Role)
	}
	if err != nil {
		s.Report.Log(hclog.Warn, record.Subject(), "a shared credential was ended and its entry could not be deleted; the next rotation replaces it", "error", err)
	}
	s.forgetMirror(record)
}

func (s *Service) forgetMirror(record *ledger.Record) {
	if known := s.mirrors.Known(record.Role); known != nil && known.Record.ID == record.ID {
		s.mirrors.Forget(record.Role)
	}
}

// UnshareID is unshare where the record does not tell whose credential it was.
func (s *Service) UnshareID(ctx context.Context, id ledger.ID) {
	names, err := s.SharedNames(ctx)
	if err != nil {
		s.Report.Log(hclog.Warn, telemetry.Subject{ID: string(id)}, "a credential was dropped and may still be shared; write its role", "error", err)
		return
	}
	for _, name := range names {
		if stored, err := s.GetShared(ctx, name); err == nil && stored != nil && stored.Record.ID == id {
			s.unshare(ctx, stored.Record)
		}
	}
}
