package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/problem"
)

const staticHelp = `
Only for roles with a rotation_period. The first read after the period makes a
new credential, once however many read; the one before lives on for
rotation_overlap. A reader that reads again after "ttl" seconds never holds a dead one.
consul-template and the Vault Secrets Operator (allowStaticCreds) do that.

For example:

    vault read <mount>/static-creds/shared
`

func (b *backend) staticPaths() []*framework.Path {
	fields := map[string]*framework.FieldSchema{"name": nameField(display("Role", ""))}
	return []*framework.Path{path("static-creds/"+framework.GenericNameRegex("name"), `Hands out the credential that all readers of a role share, without a lease.`, staticHelp, fields, map[logical.Operation]framework.OperationHandler{
		logical.ReadOperation: onActive(b.ofRole(b.readStaticCreds), named{"read", "static-credentials"}, "Read the credential that a role's readers share.", responds("The token.", staticAnswerFields())),
	})}
}

func (b *backend) readStaticCreds(ctx context.Context, bound *role.Binding, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	if bound.RotationPeriod == 0 {
		return nil, problem.Refusef("role %q shares no credential: set its rotation_period with \"vault write %sroles/%s rotation_period=1h\", or read %screds/%s", bound.Name, problem.Mount, bound.Name, problem.Mount, bound.Name)
	}
	shared, err := b.engine.Credentials.Shared(ctx, bound)
	if err != nil {
		return nil, err
	}
	ttl := shared.FreshUntil(&bound.Role).Sub(b.clock.Now())
	if shared.Why != nil {
		ttl = credential.StaleTTL
	}
	answer := answerData(shared.Record, shared.Token())
	delete(answer, "renew_mode")
	// Rounded up, and never 0: readers take 0 for "no ttl" and come back at their own pace.
	answer["ttl"] = max(int64((ttl+time.Second-1)/time.Second), 1)
	answer["rotation_period"] = int64(bound.RotationPeriod / time.Second)
	answer["last_vault_rotation"] = shared.RotatedAt.UTC().Format(time.RFC3339Nano)
	resp := &logical.Response{Data: answer}
	if shared.Why != nil {
		resp.AddWarning(fmt.Sprintf("this credential is past its rotation and still lives, because no new one was available: %s", shared.Why))
	}
	return resp, nil
}

func staticAnswerFields() map[string]*framework.FieldSchema {
	fields := credentialFields()
	delete(fields, "renew_mode")
	fields["ttl"] = always(framework.TypeInt64, "Seconds to the next rotation, at least 1.")
	fields["rotation_period"] = always(framework.TypeInt64, "Seconds from one rotation to the next.")
	fields["last_vault_rotation"] = alwaysText("When this credential was made (RFC 3339 with nanoseconds).")
	return fields
}
