package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

// credentialSecretType is stored with every lease: renaming it would make all of them irrevocable.
const credentialSecretType = "processmaker_credential"

// The keys of a lease's InternalData. They are stored with leases: renaming one needs a migration.
const (
	internalCredentialID = "credential_id"
	internalDeadline     = "deadline"
	internalLeaseEnd     = "lease_end"
	internalRole         = "role"
	internalURL          = "url"
	internalUserID       = "user_id"
	internalTokenID      = "token_id"
	internalRenewMode    = "renew_mode"
	// internalAccessToken is there once a renewal has taken the token out of the lease's data: what
	// ends a token that its record does not hold.
	internalAccessToken = "access_token"
)

// credentialSecret is the one kind of lease of this engine, for every type of credential.
func (b *backend) credentialSecret() *framework.Secret {
	return &framework.Secret{
		Type:   credentialSecretType,
		Fields: credentialFields(),
		Renew:  b.renew,
		Revoke: b.revoke,
	}
}

// renew lengthens a lease. Everybody may renew whose token has Vault's default policy, and ids of
// leases stand in the audit log: so only refresh, whose reader needs it, shows a token. Vault puts
// what is answered in place of the lease's data.
func (b *backend) renew(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	held, err := leaseOf(req)
	if err != nil {
		return nil, fmt.Errorf("%w; read the role again", err)
	}
	renewed, err := b.engine.Credentials.Renew(ctx, held)
	if err != nil {
		return nil, err
	}
	secret := *req.Secret
	secret.InternalData = maps.Clone(req.Secret.InternalData)
	maps.Copy(secret.InternalData, leaseFacts(renewed))
	secret.Renewable = true
	resp := &logical.Response{Secret: &secret}
	if lease.Mode(renewed.Record.RenewMode) == lease.Refresh {
		resp.Data = answerData(renewed.Record, renewed.Token)
	} else {
		secret.InternalData[internalAccessToken] = renewed.Token.Value
	}
	return withTerms(resp, renewed), nil
}

func (b *backend) revoke(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	held, err := leaseOf(req)
	if err != nil {
		return nil, fmt.Errorf("%w; the ledger ends its token at its deadline, and \"vault lease revoke -force -prefix <lease_id>\" removes the lease", err)
	}
	warning, err := b.engine.Credentials.Revoke(ctx, held)
	if err != nil || warning == "" {
		return nil, err
	}
	return warned(warning), nil
}

func (b *backend) leased(issued *credential.Credential) *logical.Response {
	resp := b.Secret(credentialSecretType).Response(answerData(issued.Record, issued.Token), leaseFacts(issued))
	resp.Secret.Renewable = lease.Mode(issued.Record.RenewMode) != lease.None
	return withTerms(resp, issued)
}

func withTerms(resp *logical.Response, c *credential.Credential) *logical.Response {
	resp.Secret.TTL = c.Terms.TTL
	resp.Secret.MaxTTL = c.Terms.MaxTTL
	return warn(resp, c.Terms.Warnings)
}

// leaseFacts are what Vault keeps with every lease: enough to find the record, and nothing secret.
func leaseFacts(c *credential.Credential) map[string]any {
	return map[string]any{
		internalCredentialID: string(c.Record.ID),
		internalDeadline:     c.Record.Deadline.UTC().Format(time.RFC3339),
		internalLeaseEnd:     c.At.Add(c.Terms.TTL).UTC().Format(time.RFC3339Nano),
		internalRole:         c.Record.Role,
		internalURL:          c.Record.Fingerprint.URL,
		internalUserID:       c.Record.UserID,
		internalTokenID:      c.Token.ID,
		internalRenewMode:    c.Record.RenewMode,
	}
}

func leaseOf(req *logical.Request) (credential.Lease, error) {
	id, err := credentialOf(req)
	if err != nil {
		return credential.Lease{}, err
	}
	token, _ := req.Data["access_token"].(string)
	if token == "" {
		token, _ = req.Secret.InternalData[internalAccessToken].(string)
	}
	url, _ := req.Secret.InternalData[internalURL].(string)
	role, _ := req.Secret.InternalData[internalRole].(string)
	mode, _ := req.Secret.InternalData[internalRenewMode].(string)
	text, _ := req.Secret.InternalData[internalLeaseEnd].(string)
	end, _ := time.Parse(time.RFC3339Nano, text) // zero where the end is unknown
	return credential.Lease{ID: id, AccessToken: token, URL: url, Role: role, Mode: lease.Mode(mode), Issued: req.Secret.IssueTime, End: end, Increment: req.Secret.Increment}, nil
}

// credentialOf reads the credential's id out of a lease. It stands there twice until a renewal.
func credentialOf(req *logical.Request) (ledger.ID, error) {
	for _, half := range []map[string]any{req.Secret.InternalData, req.Data} {
		text, _ := half[internalCredentialID].(string)
		if id, err := ledger.ParseID(text); err == nil {
			return id, nil
		}
	}
	return "", errors.New("the lease names no credential")
}
