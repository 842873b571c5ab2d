package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

const (
	// storageTimeout bounds one write that is made on its own time because
	// the request's may be over.
	storageTimeout = 5 * time.Second
	// cleanupTimeout bounds the ending of a token that cannot be kept.
	cleanupTimeout = 10 * time.Second
)

// issueOrder is what a reader asked for, checked.
type issueOrder struct {
	role     *loadedRole
	settings *settings
	mode     renewMode
	askedTTL time.Duration
}

// issue logs in and hands the token out. The record is stored before anybody
// sees the token; from then on the ledger knows it.
func (b *backend) issue(ctx context.Context, req *logical.Request, order *issueOrder) (*logical.Response, error) {
	defer b.inflight.join()()

	grant, auth, err := b.login(ctx, order.role, order.settings)
	if err != nil {
		return upstreamAnswer(loginTrouble(order.role.name, &order.role.role, auth, err, b.clock.Now()), err)
	}
	now := b.clock.Now()
	var warnings []string
	if order.mode == renewByRefresh && grant.Refresh == "" {
		order.mode = renewByExtending
		warnings = append(warnings, "ProcessMaker gave no refresh token, so renewals keep this token (renew_mode extend)")
	}
	lease := issueTerms(&order.role.role, order.mode, order.askedTTL, b.System().MaxLeaseTTL())
	deadline := now.Add(lease.maxTTL + deadlineSlack)
	lease = lease.withinToken(order.mode, grant.Access.ExpireTime.Sub(now))
	lease.warnings = append(lease.warnings, warnings...)

	id, err := ledger.NewID(deadline, b.random)
	if err != nil {
		b.discard(grant.Access, order, "")
		return nil, err
	}
	record := newRecord(id, order, order.role.fingerprint(auth.ID), req, now, deadline, lease.ttl)
	hold(record, grant)

	if ctx.Err() != nil {
		b.discard(grant.Access, order, id)
		return nil, fmt.Errorf("role %q: the reader went away; its token was ended", order.role.name)
	}
	if err := b.putRecord(req.Storage, record); err != nil {
		b.discard(grant.Access, order, id)
		return nil, err
	}
	if ctx.Err() != nil || !b.stillServes(req.Storage, order.settings.config.URL) {
		b.takeBack(req.Storage, record, order.settings)
		return nil, fmt.Errorf("role %q: the reader went away or the config was taken away; the token was ended", order.role.name)
	}
	b.Logger().Debug("credential issued", "mount", req.MountPoint, "role", record.Role, "credential_id", record.ID, "token_id", record.TokenID, "renew_mode", record.RenewMode)
	return b.leased(record, lease, now), nil
}

// login makes a new pair of tokens for a role. The auth client is returned for
// messages even where there is an error.
func (b *backend) login(ctx context.Context, role *loadedRole, s *settings) (*client.Grant, authClient, error) {
	if role.URL != s.config.URL {
		return nil, authClient{}, &refusal{fmt.Sprintf("it was written for %s, but the mount is now at %s; its password is not sent there until the role is written again with it", role.URL, s.config.URL)}
	}
	auth, err := role.authClient(s)
	if err != nil {
		return nil, authClient{}, err
	}
	settle, err := role.gate.enter(ctx, b.clock.Now)
	if err != nil {
		return nil, auth, err
	}
	// Settled also if the login panics: others wait for it.
	err = errPanicked
	defer func() { settle(err) }()
	var grant *client.Grant
	grant, err = s.client.PasswordGrant(ctx, auth.forClient(), client.Login{Username: role.Username, Password: role.Password, Scopes: role.Scopes})
	return grant, auth, err
}

// putRecord stores on its own time: once a token exists, a caller who goes away
// must not keep it from being known.
func (b *backend) putRecord(storage logical.Storage, record *ledger.Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	return ledger.Put(ctx, storage, record)
}

// stillServes tells whether the mount is still configured for url. A config
// that was taken away while a login was under way did not count its token.
func (b *backend) stillServes(storage logical.Storage, url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	current, err := b.settings.load(ctx, storage, b.clock)
	if err != nil {
		// The credential is stored and can be ended as long as the config is.
		return true
	}
	return current != nil && current.config.URL == url && !current.config.Deleted
}

// discard ends a token that no record knows.
func (b *backend) discard(token client.Token, order *issueOrder, id ledger.ID) {
	b.endUnrecorded(order.settings, token, order.role.name, id)
}

// endUnrecorded ends a token that could not be stored. If that fails too, the
// token lives on unknown, and only the log can tell.
func (b *backend) endUnrecorded(s *settings, token client.Token, role string, id ledger.ID) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if err := s.client.RevokeToken(ctx, token); err != nil {
		b.Logger().Error("a token could neither be stored nor ended; end it at ProcessMaker by hand",
			"role", role, "credential_id", id, "user_id", token.UserID, "token_id", token.ID, "error", err)
	}
}

// takeBack ends a credential that is stored but was not handed out. Where it
// cannot be ended now, its record remains and ends it at its deadline.
func (b *backend) takeBack(storage logical.Storage, record *ledger.Record, s *settings) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	err := s.client.RevokeToken(ctx, heldToken(record))
	if err == nil {
		err = ledger.Delete(ctx, storage, record.ID)
	}
	if err != nil {
		b.Logger().Warn("a credential that was not handed out could not be ended at once", "role", record.Role, "credential_id", record.ID, "error", err)
	}
}

// verifyRole logs in once with a role that is about to be written, and ends
// that login. A response or an error means that the role must not be written.
func (b *backend) verifyRole(ctx context.Context, req *logical.Request, name string, r *role, s *settings) (*logical.Response, error) {
	defer b.inflight.join()()
	grant, auth, err := b.login(ctx, &loadedRole{role: *r, name: name}, s)
	if err != nil {
		return upstreamAnswer(loginTrouble(name, r, auth, err, b.clock.Now())+"; nothing was stored", err)
	}
	if err := b.endOrRecord(ctx, req.Storage, s, grant.Access, name, r.fingerprint(auth.ID)); err != nil {
		return nil, fmt.Errorf("role %q: the login works, but the token it gave could neither be ended nor recorded; nothing was stored: %w", name, err)
	}
	return nil, nil
}

// endOrRecord ends a token that nobody is to have. One whose end cannot be
// confirmed gets a record of its own that is due at once.
func (b *backend) endOrRecord(ctx context.Context, storage logical.Storage, s *settings, token client.Token, role string, fingerprint ledger.Fingerprint) error {
	failed := s.client.RevokeToken(ctx, token)
	if failed == nil {
		return nil
	}
	now := b.clock.Now()
	id, err := ledger.NewID(now, b.random)
	if err != nil {
		return err
	}
	record := &ledger.Record{
		Version:     ledger.RecordVersion,
		ID:          id,
		State:       ledger.Due,
		Role:        role,
		Fingerprint: fingerprint,
		RenewMode:   string(renewNever),
		IssueTime:   now,
		Deadline:    now,
	}
	hold(record, &client.Grant{Access: token})
	if err := b.putRecord(storage, record); err != nil {
		return err
	}
	b.Logger().Warn("a token could not be ended at once and was put down as due", "role", role, "credential_id", id, "token_id", token.ID, "error", failed)
	return nil
}
