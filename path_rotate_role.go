package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/problem"
)

const rotateRoleHelp = `
For roles with grant_type password. The engine logs in, makes a password
(password_policy of the config, or its own), has ProcessMaker change it, proves
it by a login, and stores it with the role. Nobody is shown it: from then on
only this engine knows it, and an administrator of ProcessMaker can set another
one, to be written to the role.

The new password is stored before ProcessMaker gets it, so that a crash at any
point leaves a role that works: if the old password is refused, the role tries
the new one, and keeps it if it holds.

Other roles of the mount that sign in as the same user would stop working. The
rotation is refused where there are any, unless update_all=true, which stores the
new password with all of them. Whatever else knows the old password, another
mount, a person, stops working too.

No token ends by a change of the password. credentials/revoke with role=<name>
ends those that this mount has handed out.

For example:

    vault write -f <mount>/rotate-role/ci
`

func (b *backend) rotateRolePaths() []*framework.Path {
	fields := map[string]*framework.FieldSchema{
		"name":       nameField(display("Name", "")),
		"update_all": {Type: framework.TypeBool, Description: "Store the new password with every role of the mount that signs in as the same user.", DisplayAttrs: display("Update all", "")},
	}
	return []*framework.Path{path("rotate-role/"+framework.GenericNameRegex("name"), `Gives the ProcessMaker user of a role a new password.`, rotateRoleHelp, fields, map[logical.Operation]framework.OperationHandler{
		logical.UpdateOperation: onPrimary(b.ofRole(b.rotateRole), named{"rotate", "role"}, "Change the password of a role's ProcessMaker user.", responds("The changed user and roles, without the password.", rotateRoleAnswerFields())),
	})}
}

func rotateRoleAnswerFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"username":     {Type: framework.TypeString, Required: true, Description: "The ProcessMaker user whose password was changed.", DisplayAttrs: display("User name", "")},
		"roles":        {Type: framework.TypeStringSlice, Required: true, Description: "The roles that have the new password.", DisplayAttrs: display("Roles", "")},
		"rotated_time": {Type: framework.TypeString, Required: true, Description: "When the new password was proved (RFC 3339).", DisplayAttrs: display("Rotated time", "")},
	}
}

func (b *backend) rotateRole(ctx context.Context, bound *role.Binding, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	if bound.GrantType != role.GrantTypePassword {
		return nil, problem.Refusef("role %q has no password: its grant_type is %s. End its session with \"vault delete %ssessions/%s\" and sign in again", bound.Name, bound.GrantType, problem.Mount, bound.Name)
	}
	rotated, err := b.engine.Passwords.Rotate(ctx, bound, data.Get("update_all").(bool))
	if err != nil {
		return nil, fmt.Errorf("role %q: %w", bound.Name, err)
	}
	answer := map[string]any{"username": rotated.Username, "roles": rotated.Roles, "rotated_time": timeText(rotated.Time)}
	return warn(&logical.Response{Data: answer}, rotated.Warnings), nil
}
