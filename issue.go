package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// issueOrder is what a reader asked for, checked.
type issueOrder struct {
	role     *loadedRole
	settings *settings
	mode     renewMode
	askedTTL time.Duration
}

// issue makes a token of the role's kind and hands it out.
func (b *backend) issue(ctx context.Context, req *logical.Request, order *issueOrder) (*logical.Response, error) {
	if order.role.CredentialType == credentialTypePersonalToken {
		return b.mintPersonalToken(ctx, req, order)
	}
	return b.issueLogin(ctx, req, order)
}

// issueLogin logs in for one reader. The record is stored before anybody sees
// the token; from then on the ledger knows it.
func (b *backend) issueLogin(ctx context.Context, req *logical.Request, order *issueOrder) (*logical.Response, error) {
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
		b.endUnrecorded(order.settings, grant.Access, order.role.name)
		return nil, err
	}
	record := newRecord(id, order, order.role.fingerprint(auth.ID), req, now, deadline)
	record.TTL = lease.ttl
	hold(record, grant)

	if ctx.Err() != nil {
		b.endUnrecorded(order.settings, grant.Access, order.role.name)
		return nil, fmt.Errorf("role %q: the reader went away; its token was ended", order.role.name)
	}
	if err := b.putRecord(req.Storage, record); err != nil {
		b.endUnrecorded(order.settings, grant.Access, order.role.name)
		return nil, err
	}
	if ctx.Err() != nil || !b.stillServes(req.Storage, order.settings.config.URL) {
		b.takeBack(req.Storage, record, grant.Access, order.settings)
		return nil, fmt.Errorf("role %q: the reader went away or the config was taken away; the token was ended", order.role.name)
	}
	b.Logger().Debug("credential issued", "mount", req.MountPoint, "role", record.Role, "credential_id", record.ID, "token_id", record.TokenID, "renew_mode", record.RenewMode)
	return b.leased(record, grant.Access, lease, now), nil
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
