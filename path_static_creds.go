package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const (
	staticHelpSynopsis = `The credential that all readers of a role share, without a lease.`

	staticHelpDescription = `
Only for roles with a rotation_period. The first read after the period makes a
new credential, once however many read; the one before lives on for
rotation_overlap. Who reads again after "ttl" seconds never holds a dead one.
consul-template and the Vault Secrets Operator (allowStaticCreds) do that by
themselves.
`
)

func (b *backend) staticPaths() []*framework.Path {
	return []*framework.Path{{
		Pattern:         "static-creds/" + framework.GenericNameRegex("name"),
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    staticHelpSynopsis,
		HelpDescription: staticHelpDescription,
		Fields: map[string]*framework.FieldSchema{
			"name": {Type: framework.TypeString, Required: true, Description: "Name of the role.", DisplayAttrs: display("Role", "")},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: &framework.PathOperation{
				Callback:                  b.readStaticCreds,
				Summary:                   "Read the credential that a role's readers share.",
				Responses:                 responds("The token.", staticAnswerFields()),
				DisplayAttrs:              &framework.DisplayAttributes{OperationVerb: "read", OperationSuffix: "static-credentials"},
				ForwardPerformanceStandby: true,
			},
		},
	}}
}

func (b *backend) readStaticCreds(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	role, current, resp, err := b.requestedRole(ctx, req, data)
	if role == nil {
		return resp, err
	}
	if role.RotationPeriod == 0 {
		return logical.ErrorResponse("role %q shares no credential: set its rotation_period, or read %screds/%s", role.name, req.MountPoint, role.name), nil
	}
	shared, stale, resp, err := b.shared(ctx, req, role, current)
	if shared == nil {
		return resp, err
	}
	ttl := shared.freshUntil(role).Sub(b.clock.Now())
	if stale != nil {
		ttl = staleTTL
	}
	answer := answerData(shared.Record, shared.token())
	delete(answer, "renew_mode")
	// Rounded up, and never 0: readers take 0 for "no ttl" and come back at
	// their own pace.
	answer["ttl"] = max(int64((ttl+time.Second-1)/time.Second), 1)
	answer["rotation_period"] = int64(role.RotationPeriod / time.Second)
	answer["last_vault_rotation"] = shared.RotatedAt.UTC().Format(time.RFC3339Nano)
	out := &logical.Response{Data: answer}
	if stale != nil {
		out.AddWarning(fmt.Sprintf("this credential is past its rotation and still lives, because no other could be had: %s", stale.Error()))
	}
	return out, nil
}

func staticAnswerFields() map[string]*framework.FieldSchema {
	fields := credentialFields()
	delete(fields, "renew_mode")
	fields["ttl"] = &framework.FieldSchema{Type: framework.TypeInt64, Required: true, Description: "Seconds to the next rotation, at least 1."}
	fields["rotation_period"] = &framework.FieldSchema{Type: framework.TypeInt64, Required: true, Description: "Seconds from one rotation to the next."}
	fields["last_vault_rotation"] = &framework.FieldSchema{Type: framework.TypeString, Required: true, Description: "When this credential was made (RFC 3339 with nanoseconds)."}
	return fields
}
