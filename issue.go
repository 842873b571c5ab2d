package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/leasing"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// issueOrder is what a reader asked for, checked.
type issueOrder struct {
	role     *loadedRole
	settings *settings
	mode     leasing.Mode
	askedTTL time.Duration

	// shared: there is no lease, and more than one reader gets the token.
	shared bool

	// ttl is how long a lease and its renewals last, life how long until the
	// deadline.
	ttl, life time.Duration
}

// issue makes a token for one reader and hands it out with a lease.
func (b *backend) issue(ctx context.Context, req *logical.Request, order *issueOrder) (*logical.Response, error) {
	began := b.clock.Now()
	terms := leasing.Issue(order.role.leaseBounds(b.limit.maxTTL(b.System(), began)), order.mode, order.askedTTL)
	order.ttl, order.life = terms.TTL, terms.MaxTTL+leasing.DeadlineSlack
	made, resp, err := b.make(ctx, req, order)
	if made == nil {
		return resp, err
	}
	terms.Warnings = append(terms.Warnings, made.warnings...)
	mode := leasing.Mode(made.record.RenewMode)
	b.notice(hclog.Debug, credsCreated, aboutRecord(made.record).startedAt(began), "credential issued", "token_id", made.token.ID, "renew_mode", mode)
	return b.leased(made.record, made.token, terms.WithinToken(mode, made.token.ExpireTime.Sub(made.at)), made.at), nil
}

// made is a token that a record knows.
type made struct {
	record   *ledger.Record
	token    client.Token
	at       time.Time
	warnings []string
}

// make makes a token of the role's kind. The first result is nil where there is
// none; then the others say what to answer.
func (b *backend) make(ctx context.Context, req *logical.Request, order *issueOrder) (result *made, resp *logical.Response, err error) {
	defer b.inflight.Join()()
	defer func() {
		if result != nil {
			b.health.Of(order.role.name).Issued(result.at)
		}
	}()
	if order.role.CredentialType == credentialTypePersonalToken {
		return b.mintPersonalToken(ctx, req, order)
	}
	return b.makeLogin(ctx, req, order)
}

// issueFailed is the answer to a reader who gets none, and what is remembered
// of it.
func (b *backend) issueFailed(role *loadedRole, t trouble, err error) (*logical.Response, error) {
	b.counters.add(credsCreateFailed)
	if t.retryAt.IsZero() {
		t.retryAt = role.gate.RefusedUntil()
	}
	b.health.Of(role.name).Failed(b.clock.Now(), t.cause, t.cure, t.retryAt)
	b.log(hclog.Debug, about{role: role.name}, "no credential could be issued", "error", t.cause)
	return upstreamAnswer(fmt.Sprintf("role %q: %s", role.name, t), err)
}

// makeLogin logs in. The record is stored before anybody sees the token; from
// then on the ledger knows it.
func (b *backend) makeLogin(ctx context.Context, req *logical.Request, order *issueOrder) (*made, *logical.Response, error) {
	grant, auth, err := b.login(ctx, req.Storage, order.role, order.settings)
	if err != nil {
		resp, err := b.issueFailed(order.role, loginCause(&order.role.role, auth, err, b.clock.Now()), err)
		return nil, resp, err
	}
	now := b.clock.Now()
	result := &made{token: grant.Access, at: now}
	if order.mode == leasing.Refresh && grant.Refresh == "" {
		order.mode = leasing.Extend
		result.warnings = append(result.warnings, "ProcessMaker gave no refresh token, so renewals keep this token (renew_mode extend)")
	}
	result.record, err = b.newRecord(order, order.role.fingerprint(auth.ID), req, now)
	if err != nil {
		b.endUnrecorded(order.settings, grant.Access, order.role.name)
		return nil, nil, err
	}
	hold(result.record, grant)

	if ctx.Err() != nil {
		b.endUnrecorded(order.settings, grant.Access, order.role.name)
		return nil, nil, fmt.Errorf("role %q: the reader went away; its token was ended", order.role.name)
	}
	if err := b.putRecord(req.Storage, result.record); err != nil {
		b.endUnrecorded(order.settings, grant.Access, order.role.name)
		return nil, nil, err
	}
	if err := b.stillWanted(ctx, req.Storage, order, result); err != nil {
		return nil, nil, err
	}
	return result, nil, nil
}

// stillWanted takes a recorded token back if its reader or the config has gone
// meanwhile.
func (b *backend) stillWanted(ctx context.Context, storage logical.Storage, order *issueOrder, result *made) error {
	if ctx.Err() == nil && b.stillServes(storage, order.settings) {
		return nil
	}
	b.takeBack(storage, result.record, result.token, order.settings)
	return fmt.Errorf("role %q: the reader went away or the config was taken away; the token was ended", order.role.name)
}

// login makes a new pair of tokens for a role. The auth client is returned for
// messages even where there is an error.
func (b *backend) login(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings) (*client.Grant, authClient, error) {
	return b.loginFor(ctx, storage, role, s, false)
}

// loginFor is login; kept for a session or a renewal.
func (b *backend) loginFor(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings, kept bool) (*client.Grant, authClient, error) {
	if err := role.belongsTo(s); err != nil {
		return nil, authClient{}, err
	}
	auth, err := role.authClient(s)
	if err != nil {
		return nil, authClient{}, err
	}
	settle, err := role.gate.Enter(ctx, b.clock.Now)
	if err != nil {
		return nil, auth, err
	}
	// Settled also if the login panics: others wait for it.
	err = errPanicked
	defer func() { settle(err, isRefusal(err)) }()
	var grant *client.Grant
	tokens := s.client.For(client.Caller{Role: role.name, Kept: kept})
	grant, err = tokens.PasswordGrant(ctx, auth.forClient(), role.loginWith(role.Password))
	if client.KindOf(err) == client.GrantDead {
		grant, err = b.loginAsChanged(ctx, storage, role, tokens, auth, err)
	}
	b.noteLostAnswer(role.name, err)
	b.noteLogin(role, auth, err)
	return grant, auth, err
}
