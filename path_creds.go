package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/fields"
	"vault-plugin-secrets-processmaker/internal/problem"
)

const credsHelp = `
Each read gives a token of its own, which is ended at ProcessMaker when its
lease ends: that of a login, or with credential_type personal_access_token one
that the role's session makes. "ttl" asks for a shorter lease than the role's, and
"renew_mode" for less rotation than the role's (refresh, then extend, then
none), so that a template can ask for "creds/<name>?renew_mode=extend".

For example:

    vault read <mount>/creds/ci
    vault read <mount>/creds/worker ttl=10m renew_mode=extend
`

func (b *backend) credsPaths() []*framework.Path {
	const summary = "Get an access token with a lease."
	fields := map[string]*framework.FieldSchema{
		"name": nameField(display("Role", "")),
		"ttl":  {Type: framework.TypeDurationSecond, Query: true, Description: "How long the lease lasts; at most the role's ttl. Default: the role's ttl. Example: ttl=10m", DisplayAttrs: display("TTL", "")},
		"renew_mode": {
			Type: framework.TypeString, Query: true, AllowedValues: []any{string(lease.Refresh), string(lease.Extend), string(lease.None)},
			Description: "Effect of a renewal of the lease; only towards less rotation than the role's renew_mode. Default: the role's renew_mode.", DisplayAttrs: display("Renewal mode", ""),
		},
	}
	return []*framework.Path{path("creds/"+framework.GenericNameRegex("name"), `Hands out an access token of ProcessMaker with a lease.`, credsHelp, fields, map[logical.Operation]framework.OperationHandler{
		logical.ReadOperation:   onActive(b.ofRole(b.readCreds), named{"generate", "credentials"}, summary, responds("The token.", credentialFields())),
		logical.UpdateOperation: onActive(b.ofRole(b.readCreds), named{"generate", "credentials-with-parameters"}, summary, responds("The token.", credentialFields())),
	})}
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
		"credential_type":   field("Credential type", "Kind of the token."),
		"renew_mode":        field("Renewal mode", "Effect of a renewal of the lease."),
	}
	fields["access_token"].DisplayAttrs.Sensitive = true
	return fields
}

func (b *backend) readCreds(ctx context.Context, bound *role.Binding, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	asked, err := askedFor(bound, data)
	if err != nil {
		return nil, problem.Refusef("role %q: %s", bound.Name, err)
	}
	asked.EntityID, asked.DisplayName = req.EntityID, req.DisplayName
	issued, err := b.engine.Credentials.Issue(ctx, bound, asked)
	if err != nil {
		return nil, err
	}
	return b.leased(issued), nil
}

// askedFor reads what a reader asks for, and refuses what the role does not allow.
func askedFor(bound *role.Binding, data *framework.FieldData) (credential.Request, error) {
	for _, field := range []string{"ttl", "renew_mode"} {
		if data.Raw[field] == nil {
			delete(data.Raw, field) // null asks for the role's own
		}
	}
	var asked credential.Request
	mode := string(bound.RenewMode)
	in := &fields.Input{Data: data}
	in.Duration("ttl", &asked.TTL, time.Second, role.LongestTTL)
	in.Choice("renew_mode", &mode)
	if in.Err != nil {
		return credential.Request{}, in.Err
	}
	asked.Mode = lease.Mode(mode)
	if !bound.RenewMode.Allows(asked.Mode) {
		return credential.Request{}, fmt.Errorf("renew_mode %s rotates more than the role's own (%s) and cannot be asked for; leave it out, or ask for renew_mode=none", asked.Mode, bound.RenewMode)
	}
	return asked, nil
}

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
