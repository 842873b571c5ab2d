package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

// exchangesTimeout is the share of a refresh renewal that exchanges with
// ProcessMaker may take. With the storing and the cleaning up after it, the
// whole ends within 55 s, before Vault's own patience does.
const exchangesTimeout = 35 * time.Second

// youngShare: a token that was replaced in the first tenth of its lease was
// probably replaced by a watcher, whose first renewal comes at once.
const youngShare = 10

// renewal is a lease that is to be renewed, and the record of its credential.
type renewal struct {
	lease.Renewal
	record *ledger.Record
}

var errEnded = errors.New("the credential of this lease has ended; read the role again")

// renew lengthens a lease. Errors are plain: Vault makes each a 400.
func (b *backend) renew(ctx context.Context, req *logical.Request, _ *framework.FieldData) (resp *logical.Response, err error) {
	defer b.inflight.Join()()
	began := b.clock.Now()
	id, err := credentialOf(req)
	if err != nil {
		return nil, fmt.Errorf("%w; read the role again", err)
	}
	workCtx, cancel := context.WithTimeout(context.Background(), exchangesTimeout)
	defer cancel()
	unlock, err := b.lockRecord(ctx, workCtx, id)
	if err != nil {
		return nil, err
	}
	defer unlock()

	record, err := ledger.Get(ctx, req.Storage, id)
	if err != nil {
		return nil, err
	}
	if record != nil {
		told := aboutRecord(record).startedAt(began)
		before := record.TokenID
		defer func() {
			told.unchanged = record.TokenID == before
			b.renewalEnded(told, record, err)
		}()
	}
	switch {
	case record == nil || record.State != ledger.Live:
		return nil, errEnded
	}
	now := b.clock.Now()
	r := renewal{record: record, Renewal: lease.Renewal{
		Now:         now,
		Issued:      req.Secret.IssueTime,
		End:         leaseEndOf(req.Secret),
		Deadline:    record.Deadline,
		TTL:         record.TTL,
		Increment:   req.Secret.Increment,
		MountMaxTTL: b.System().MaxLeaseTTL(),
	}}
	if r.Issued.IsZero() {
		r.Issued = record.IssueTime
	}
	if !r.LastMoment().After(now) {
		return nil, lease.ErrOver
	}
	switch lease.Mode(record.RenewMode) {
	case lease.Extend:
		return b.extend(req, r)
	case lease.Refresh:
		return b.refresh(ctx, workCtx, req, r)
	default:
		return nil, errors.New("this lease cannot be renewed (renew_mode none); read the role again")
	}
}

// renewalEnded tells of what became of a renewal.
func (b *backend) renewalEnded(told about, record *ledger.Record, err error) {
	if err == nil {
		b.notice(hclog.Debug, credsRenewed, told, "credential renewed", "token_id", record.TokenID)
		return
	}
	b.counters.add(credsRenewFailed)
	// A role that was deleted since is not brought back to memory.
	if known := b.health.Known(record.Role); known != nil && !errors.Is(err, errEnded) && !errors.Is(err, lease.ErrOver) {
		known.Failed(b.clock.Now(), "renewal: "+err.Error(), "", time.Time{})
	}
	b.log(hclog.Debug, told, "credential not renewed", "error", err)
}

// lockRecord waits for the record's own lock as long as both the caller and
// the work have time.
func (b *backend) lockRecord(ctx, workCtx context.Context, id ledger.ID) (unlock func(), err error) {
	waitCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(workCtx, cancel)()
	unlock, err = b.records.Lock(waitCtx, string(id))
	if err != nil {
		return nil, fmt.Errorf("credential %s is being renewed or revoked by another request; try again", id)
	}
	return unlock, nil
}

// extend answers with the token as it is, on a lease within the token's life.
func (b *backend) extend(req *logical.Request, r renewal, warnings ...string) (*logical.Response, error) {
	token, known := leasedToken(req, r.record)
	if !known {
		return nil, errors.New("the lease does not hold its token any more; read the role again")
	}
	t, err := r.Terms(token.ExpireTime)
	if err != nil {
		return nil, err
	}
	t.Warnings = append(t.Warnings, warnings...)
	return renewed(req, r.record, token, t, r.Now), nil
}

// refresh trades the token for a new one, if the lease gains by it.
func (b *backend) refresh(ctx, workCtx context.Context, req *logical.Request, r renewal) (*logical.Response, error) {
	record := r.record
	settings, role, auth, err := b.sameRole(ctx, req, record)
	if err != nil {
		return nil, err
	}
	age := r.Now.Sub(record.TokenReceivedAt)
	doubtful := b.doubts.about(record)
	if !doubtful && (!r.Grows() || age < role.RefreshMinAge || b.System().Tainted()) {
		return b.extend(req, r)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rotation := &rotation{
		backend:  b,
		storage:  req.Storage,
		settings: settings,
		role:     role,
		auth:     auth,

		old:          heldToken(record),
		refreshToken: record.RefreshToken,
		fingerprint:  record.Fingerprint,
		doubtful:     doubtful,
		put: func(grant *client.Grant) error {
			if b.clock.Now().Sub(r.Now) >= takeoverTime {
				if err := b.recordOvertaken(req.Storage, record); err != nil {
					return err
				}
			}
			updated := *record
			hold(&updated, grant)
			if err := b.putRecord(req.Storage, &updated); err != nil {
				return err
			}
			*record = updated
			return nil
		},
	}
	outcome, err := rotation.run(workCtx)
	if err != nil {
		b.doubt(req.Storage, record)
		return nil, fmt.Errorf("role %q: %w", record.Role, err)
	}
	b.doubts.settle(record.ID)
	if outcome.kept != nil {
		return b.extend(req, r, outcome.warnings...)
	}
	// The time has moved on while ProcessMaker worked, and Vault counts from
	// when it gets the answer.
	r.Now = b.clock.Now()
	t, err := r.Terms(record.TokenExpireTime)
	if err != nil {
		return nil, err
	}
	t.Warnings = append(t.Warnings, outcome.warnings...)
	if age < record.TTL/youngShare {
		t.Warnings = append(t.Warnings, fmt.Sprintf("this renewal killed a token that was only %s old. A client that renews by itself and does not take the new token from the answer now holds a dead one: read with renew_mode=extend for it, or set refresh_min_age on the role", age.Round(time.Second)))
	}
	return renewed(req, record, heldToken(record), t, r.Now), nil
}

// sameRole returns the role of a record if it still is what it was at issue.
func (b *backend) sameRole(ctx context.Context, req *logical.Request, record *ledger.Record) (*settings, *loadedRole, authClient, error) {
	fail := func(format string, args ...any) (*settings, *loadedRole, authClient, error) {
		return nil, nil, authClient{}, fmt.Errorf("role %q: %s; read the role again", record.Role, fmt.Sprintf(format, args...))
	}
	current, err := b.settings.load(ctx, req.Storage, b.clock)
	if err != nil {
		return nil, nil, authClient{}, err
	}
	if current == nil || current.config.Deleted {
		return fail("the mount's config was deleted, so its leases cannot be renewed by refresh")
	}
	role, err := b.roles.load(ctx, req.Storage, record.Role)
	if err != nil {
		return nil, nil, authClient{}, err
	}
	if role == nil {
		return fail("it was deleted, so its leases cannot be renewed by refresh")
	}
	auth, err := role.authClient(current)
	if err != nil {
		return nil, nil, authClient{}, fmt.Errorf("role %q: %w", record.Role, err)
	}
	if current.config.URL != record.Fingerprint.URL {
		return fail("the mount's url was changed since this lease began")
	}
	if field := changedField(record.Fingerprint, role.fingerprint(auth.ID)); field != "" {
		return fail("its %s was changed since this lease began", field)
	}
	return current, role, auth, nil
}

// changedField names the first part in which two fingerprints differ.
func changedField(then, now ledger.Fingerprint) string {
	switch {
	case then == now:
		return ""
	case then.URL != now.URL:
		return "url"
	case then.ClientID != now.ClientID:
		return "client_id"
	case then.GrantType != now.GrantType:
		return "grant_type"
	case then.Username != now.Username:
		return "username"
	case then.SessionUserID != now.SessionUserID:
		return "session_user_id"
	case then.UserID != now.UserID:
		return "user_id"
	default:
		return "credential_type"
	}
}
