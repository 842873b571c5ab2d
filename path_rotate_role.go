package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const (
	rotateRoleHelpSynopsis = `Gives the ProcessMaker user of a role a new password.`

	rotateRoleHelpDescription = `
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

No token ends by a change of the password. tidy with role=<name> ends those that
this mount has handed out.
`
)

func (b *backend) rotateRolePaths() []*framework.Path {
	return []*framework.Path{{
		Pattern:         "rotate-role/" + framework.GenericNameRegex("name"),
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    rotateRoleHelpSynopsis,
		HelpDescription: rotateRoleHelpDescription,
		Fields: map[string]*framework.FieldSchema{
			"name":       {Type: framework.TypeString, Required: true, Description: "Name of the role.", DisplayAttrs: display("Name", "")},
			"update_all": {Type: framework.TypeBool, Description: "Store the new password with every role of the mount that signs in as the same user.", DisplayAttrs: display("Update all", "")},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: &framework.PathOperation{
				Callback:                    b.rotateRole,
				Summary:                     "Change the password of a role's ProcessMaker user.",
				Responses:                   responds("What was changed, without the password.", rotateRoleAnswerFields()),
				DisplayAttrs:                &framework.DisplayAttributes{OperationVerb: "rotate", OperationSuffix: "role"},
				ForwardPerformanceStandby:   true,
				ForwardPerformanceSecondary: true,
			},
		},
	}}
}

func rotateRoleAnswerFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"username":     {Type: framework.TypeString, Required: true, Description: "The ProcessMaker user whose password was changed.", DisplayAttrs: display("User name", "")},
		"roles":        {Type: framework.TypeStringSlice, Required: true, Description: "The roles that have the new password.", DisplayAttrs: display("Roles", "")},
		"rotated_time": {Type: framework.TypeString, Required: true, Description: "When the new password was proved (RFC 3339).", DisplayAttrs: display("Rotated time", "")},
	}
}

func (b *backend) rotateRole(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	defer b.inflight.Join()()
	role, current, resp, err := b.requestedRole(ctx, req, data)
	if role == nil {
		return resp, err
	}
	name := role.name
	if role.GrantType != grantTypePassword {
		return logical.ErrorResponse("role %q has no password: its grant_type is %s. End its session with \"vault delete %ssessions/%s\" and sign in anew", name, role.GrantType, req.MountPoint, name), nil
	}
	unlock, err := b.lockUsers(ctx, role.Username)
	if err != nil {
		return nil, fmt.Errorf("role %q: %w", name, err)
	}
	defer unlock()
	rotation := &passwordRotation{backend: b, storage: req.Storage, settings: current, name: name, username: role.Username, mountPoint: req.MountPoint}
	done, err := rotation.run(ctx, data.Get("update_all").(bool))
	if err != nil {
		return upstreamAnswer(fmt.Sprintf("role %q: %s", name, err), err)
	}
	answer := &logical.Response{Data: map[string]any{
		"username":     done.Username,
		"roles":        done.roleNames(),
		"rotated_time": b.clock.Now().UTC().Format(time.RFC3339),
	}}
	for _, warning := range rotation.warnings {
		answer.AddWarning(warning)
	}
	return answer, nil
}
