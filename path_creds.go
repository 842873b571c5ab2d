package main

import (
	"context"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/internal/fields"
)

const (
	credsHelpSynopsis = `Hands out an access token of ProcessMaker with a lease.`

	credsHelpDescription = `
Each read gives a token of its own, which is ended at ProcessMaker when its
lease ends: that of a login, or with credential_type personal_access_token one
that the role's session makes. "ttl" asks for a shorter lease than the role's, and
"renew_mode" for less rotation than the role's (refresh, then extend, then
none), so that a template can ask for "creds/<name>?renew_mode=extend".
`
)

func (b *backend) credsPaths() []*framework.Path {
	operation := func(verb, suffix string) *framework.PathOperation {
		return &framework.PathOperation{
			Callback:                  b.readCreds,
			Summary:                   "Get an access token with a lease.",
			Responses:                 responds("The token.", credentialFields()),
			DisplayAttrs:              &framework.DisplayAttributes{OperationVerb: verb, OperationSuffix: suffix},
			ForwardPerformanceStandby: true,
		}
	}
	return []*framework.Path{{
		Pattern:         "creds/" + framework.GenericNameRegex("name"),
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    credsHelpSynopsis,
		HelpDescription: credsHelpDescription,
		Fields: map[string]*framework.FieldSchema{
			"name": {Type: framework.TypeString, Required: true, Description: "Name of the role.", DisplayAttrs: display("Role", "")},
			"ttl":  {Type: framework.TypeDurationSecond, Query: true, Description: "How long the lease lasts; at most the role's ttl.", DisplayAttrs: display("TTL", "")},
			"renew_mode": {
				Type: framework.TypeString, Query: true, AllowedValues: []any{string(lease.Refresh), string(lease.Extend), string(lease.None)},
				Description: "What renewing the lease does; only towards less rotation than the role's renew_mode.", DisplayAttrs: display("Renewal mode", ""),
			},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   operation("generate", "credentials"),
			logical.UpdateOperation: operation("generate", "credentials-with-parameters"),
		},
	}}
}

func (b *backend) readCreds(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	role, current, resp, err := b.requestedRole(ctx, req, data)
	if role == nil {
		return resp, err
	}
	mode := role.RenewMode
	in := &fields.Input{Data: data}
	for _, field := range []string{"ttl", "renew_mode"} {
		if data.Raw[field] == nil {
			delete(data.Raw, field) // null asks for the role's own
		}
	}
	var asked time.Duration
	in.Duration("ttl", &asked, time.Second, longestTTL)
	text := string(mode)
	in.Choice("renew_mode", &text)
	if in.Err != nil {
		return logical.ErrorResponse("role %q: %s", role.name, in.Err), nil
	}
	if !mode.Allows(lease.Mode(text)) {
		return logical.ErrorResponse("role %q: renew_mode %s rotates more than the role's own (%s) and cannot be asked for", role.name, text, mode), nil
	}
	return b.issue(ctx, req, &issueOrder{role: role, settings: current, mode: lease.Mode(text), askedTTL: asked})
}
