package main

import (
	"errors"
	"maps"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

// credentialSecretType is stored with every lease: renaming it would make all
// of them irrevocable.
const credentialSecretType = "processmaker_credential"

// The keys of a lease's InternalData. They are stored with leases: renaming
// one needs a migration.
const (
	internalCredentialID = "credential_id"
	internalDeadline     = "deadline"
	internalLeaseEnd     = "lease_end"
	internalRole         = "role"
	internalURL          = "url"
	internalUserID       = "user_id"
	internalTokenID      = "token_id"
	internalRenewMode    = "renew_mode"
)

// credentialSecret is the one kind of lease of this engine, whatever kind of
// token it is for.
func (b *backend) credentialSecret() *framework.Secret {
	return &framework.Secret{
		Type:   credentialSecretType,
		Fields: credentialFields(),
		Renew:  b.renew,
		Revoke: b.revoke,
	}
}

func credentialFields() map[string]*framework.FieldSchema {
	field := func(name, description string) *framework.FieldSchema {
		return &framework.FieldSchema{Type: framework.TypeString, Required: true, Description: description, DisplayAttrs: display(name, "")}
	}
	fields := map[string]*framework.FieldSchema{
		"access_token":      field("Access token", "The token, for an Authorization: Bearer header."),
		"token_type":        field("Token type", "How the token is used: Bearer."),
		"credential_id":     field("Credential ID", "This engine's own name of the credential; it stays when the token is refreshed."),
		"token_id":          field("Token ID", "ProcessMaker's id of the token (its jti claim)."),
		"token_expire_time": field("Token expire time", "ProcessMaker's own end of the token (RFC 3339). The token dies with its lease before that."),
		"user_id":           field("User ID", "ProcessMaker's number of the user whose rights the token has."),
		"username":          field("User name", "Name of that user."),
		"client_id":         field("Client ID", "Auth client that the token was made through."),
		"role":              field("Role", "The role."),
		"credential_type":   field("Credential type", "What kind of token it is."),
		"renew_mode":        field("Renewal mode", "What renewing the lease does."),
	}
	fields["access_token"].DisplayAttrs.Sensitive = true
	return fields
}

// newRecord puts down what is known of a credential before its token is.
func (b *backend) newRecord(order *issueOrder, fingerprint ledger.Fingerprint, req *logical.Request, now time.Time) (*ledger.Record, error) {
	deadline := now.Add(order.life)
	id, err := ledger.NewID(deadline, b.random)
	if err != nil {
		return nil, err
	}
	return &ledger.Record{
		Version:     ledger.RecordVersion,
		ID:          id,
		State:       ledger.Live,
		Role:        order.role.name,
		Fingerprint: fingerprint,
		RenewMode:   string(order.mode),
		EntityID:    req.EntityID,
		DisplayName: req.DisplayName,
		IssueTime:   now,
		Deadline:    deadline,
		TTL:         order.ttl,
		Username:    order.role.Username,
		Shared:      order.shared,
	}, nil
}

// hold puts a token into a record in place of the one it held.
func hold(record *ledger.Record, grant *client.Grant) {
	record.UserID = grant.Access.UserID
	record.TokenID = grant.Access.ID
	record.TokenType = grant.Access.Type
	record.TokenReceivedAt = grant.Access.ReceivedAt
	record.TokenExpireTime = grant.Access.ExpireTime
	record.AccessToken = grant.Access.Value
	record.Doubtful = false
	record.RefreshToken = ""
	if lease.Mode(record.RenewMode) == lease.Refresh {
		record.RefreshToken = grant.Refresh
	}
}

// heldToken is the token that a record holds.
func heldToken(record *ledger.Record) client.Token {
	return client.Token{
		Value:      record.AccessToken,
		Type:       record.TokenType,
		ID:         record.TokenID,
		UserID:     record.UserID,
		ReceivedAt: record.TokenReceivedAt,
		ExpireTime: record.TokenExpireTime,
	}
}

// answerData is what a reader gets, at issue and with every renewal.
func answerData(record *ledger.Record, token client.Token) map[string]any {
	return map[string]any{
		"access_token":      token.Value,
		"token_type":        token.Type,
		"credential_id":     string(record.ID),
		"token_id":          token.ID,
		"token_expire_time": token.ExpireTime.UTC().Format(time.RFC3339),
		"user_id":           record.UserID,
		"username":          record.Username,
		"client_id":         record.Fingerprint.ClientID,
		"role":              record.Role,
		"credential_type":   record.Fingerprint.CredentialType,
		"renew_mode":        record.RenewMode,
	}
}

// leaseFacts is what Vault keeps with the lease: enough to find the record,
// and nothing secret.
func leaseFacts(record *ledger.Record, token client.Token, leaseEnd time.Time) map[string]any {
	return map[string]any{
		internalCredentialID: string(record.ID),
		internalDeadline:     record.Deadline.UTC().Format(time.RFC3339),
		internalLeaseEnd:     leaseEnd.UTC().Format(time.RFC3339Nano),
		internalRole:         record.Role,
		internalURL:          record.Fingerprint.URL,
		internalUserID:       record.UserID,
		internalTokenID:      token.ID,
		internalRenewMode:    record.RenewMode,
	}
}

// leased is the answer to a read.
func (b *backend) leased(record *ledger.Record, token client.Token, t lease.Terms, now time.Time) *logical.Response {
	resp := b.Secret(credentialSecretType).Response(answerData(record, token), leaseFacts(record, token, now.Add(t.TTL)))
	resp.Secret.TTL = t.TTL
	resp.Secret.MaxTTL = t.MaxTTL
	resp.Secret.Renewable = lease.Mode(record.RenewMode) != lease.None
	for _, warning := range t.Warnings {
		resp.AddWarning(warning)
	}
	return resp
}

// renewed is the answer to a renewal. It always holds the whole data: Vault
// replaces the lease's data with it.
func renewed(req *logical.Request, record *ledger.Record, token client.Token, t lease.Terms, now time.Time) *logical.Response {
	secret := *req.Secret
	secret.InternalData = maps.Clone(req.Secret.InternalData)
	maps.Copy(secret.InternalData, leaseFacts(record, token, now.Add(t.TTL)))
	secret.TTL = t.TTL
	secret.MaxTTL = t.MaxTTL
	secret.Renewable = true
	resp := &logical.Response{Secret: &secret, Data: answerData(record, token)}
	for _, warning := range t.Warnings {
		resp.AddWarning(warning)
	}
	return resp
}

// leasedToken is the token that a lease is for. A personal access token is not
// in the record, which is written before the token is made, but in the lease's
// own data; false where it is not there either. What it says of itself is taken
// for true: with another id, or a value that ProcessMaker never made, it would seem
// to be dead.
func leasedToken(req *logical.Request, record *ledger.Record) (client.Token, bool) {
	if record.AccessToken != "" {
		return heldToken(record), true
	}
	value, _ := req.Data["access_token"].(string)
	token, err := client.ReadToken(value, record.IssueTime)
	return token, err == nil
}

// credentialOf reads the credential's id out of a lease. It stands there twice.
func credentialOf(req *logical.Request) (ledger.ID, error) {
	for _, half := range []map[string]any{req.Secret.InternalData, req.Data} {
		text, _ := half[internalCredentialID].(string)
		if id, err := ledger.ParseID(text); err == nil {
			return id, nil
		}
	}
	return "", errors.New("the lease names no credential")
}

// leaseEndOf reads where the lease ends, or the zero time if that is unknown.
func leaseEndOf(secret *logical.Secret) time.Time {
	text, _ := secret.InternalData[internalLeaseEnd].(string)
	end, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return end
}
