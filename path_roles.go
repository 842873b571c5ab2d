package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/internal/fields"
)

const (
	roleHelpSynopsis = `How to sign in to ProcessMaker, and what to hand out.`

	roleHelpDescription = `
A role is a ProcessMaker user's login, the auth client it goes through, and the
lifetimes of what is handed out at creds/<name>. Every token has the full rights
of that user: give each role a ProcessMaker user of its own with as few rights
as will do.

renew_mode says what renewing a lease does to its token: "refresh" trades it for
a new one, which the renewal's answer holds, and the old one dies at once;
"extend" keeps it; "none" makes leases that cannot be renewed. Vault Agent,
consul-template, Nomad, the Vault Secrets Operator and Spring Vault do not take
tokens from renewals: use "extend" or "none" for them.

Fields that are not given keep their value; a PATCH with null puts a field's
default back. Secrets are never read back: client_secret_set and password_set
say that one is stored.
`

	roleListHelpSynopsis    = `The names of the roles.`
	roleListHelpDescription = `Lists the names of the roles, sorted.`
)

func (b *backend) rolePaths() []*framework.Path {
	write := func(verb string) *framework.PathOperation {
		return &framework.PathOperation{
			Callback:                    b.writeRole,
			Summary:                     "Set how a role signs in and what it hands out.",
			Responses:                   respondsEmpty(),
			DisplayAttrs:                &framework.DisplayAttributes{OperationVerb: verb, OperationSuffix: "role"},
			ForwardPerformanceStandby:   true,
			ForwardPerformanceSecondary: true,
		}
	}
	return []*framework.Path{{
		Pattern:         "roles/" + framework.GenericNameRegex("name"),
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    roleHelpSynopsis,
		HelpDescription: roleHelpDescription,
		Fields:          roleFields(),
		ExistenceCheck:  b.roleExists,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.CreateOperation: write("write"),
			logical.UpdateOperation: write("write"),
			logical.PatchOperation:  write("patch"),
			logical.ReadOperation: &framework.PathOperation{
				Callback:     b.readRolePath,
				Summary:      "Read a role, without secrets.",
				Responses:    responds("The role.", answerFields(roleFields(), "name", "verify")),
				DisplayAttrs: &framework.DisplayAttributes{OperationVerb: "read", OperationSuffix: "role"},
			},
			logical.DeleteOperation: &framework.PathOperation{
				Callback:                    b.deleteRole,
				Summary:                     "Delete a role. Its leases stay revocable.",
				Responses:                   respondsEmpty(),
				DisplayAttrs:                &framework.DisplayAttributes{OperationVerb: "delete", OperationSuffix: "role"},
				ForwardPerformanceStandby:   true,
				ForwardPerformanceSecondary: true,
			},
		},
	}, {
		Pattern:         "roles/?$",
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    roleListHelpSynopsis,
		HelpDescription: roleListHelpDescription,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ListOperation: &framework.PathOperation{
				Callback: b.listRoles,
				Summary:  "List the roles.",
				Responses: responds("The names.", map[string]*framework.FieldSchema{
					"keys": {Type: framework.TypeStringSlice, Required: true, Description: "Names of the roles."},
				}),
				DisplayAttrs: &framework.DisplayAttributes{OperationVerb: "list", OperationSuffix: "roles"},
			},
		},
	}}
}

func (b *backend) roleExists(ctx context.Context, req *logical.Request, data *framework.FieldData) (bool, error) {
	found, err := b.roles.load(ctx, req.Storage, data.Get("name").(string))
	if isUnreadable(err) {
		return false, nil
	}
	return found != nil, err
}

func (b *backend) writeRole(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	name := data.Get("name").(string)
	if len(name) > longestRoleName {
		return logical.ErrorResponse("the role's name has %d characters, %d are possible: it becomes part of names at ProcessMaker", len(name), longestRoleName), nil
	}
	current, resp, err := b.configured(ctx, req)
	if current == nil {
		return resp, err
	}
	unlock, err := b.lockLogin(ctx, req.Storage, name, data)
	if err != nil {
		return nil, err
	}
	defer unlock()
	previous, err := b.roles.load(ctx, req.Storage, name)
	if err != nil && (!isUnreadable(err) || req.Operation == logical.PatchOperation) {
		return nil, err
	}
	changed := newRole()
	if previous != nil {
		*changed = previous.role
	} else if req.Operation == logical.PatchOperation {
		return logical.ErrorResponse("there is no role %q to patch: create it with a POST", name), nil
	}
	in := &fields.Input{Data: data}
	changed.change(in)
	if in.Err != nil {
		return logical.ErrorResponse("role %q: %s", name, in.Err), nil
	}
	if err := changed.moveTo(current.config.URL, data); err != nil {
		return logical.ErrorResponse("role %q: %s", name, err), nil
	}
	if err := changed.validate(current); err != nil {
		return logical.ErrorResponse("role %q: %s", name, err), nil
	}
	if data.Get("verify").(bool) {
		if changed.GrantType != grantTypePassword {
			return logical.ErrorResponse("role %q: verify goes with grant_type %s: other sign-ins show at sessions/%s whether they work", name, grantTypePassword, name), nil
		}
		if resp, err := b.verifyRole(ctx, req, name, changed, current); resp != nil || err != nil {
			return resp, err
		}
	}
	err = b.roles.replace(ctx, req.Storage, name, previous, changed)
	var moved errRoleMoved
	if errors.As(err, &moved) {
		return nil, logical.CodedError(http.StatusConflict, moved.Error())
	}
	if err != nil {
		return nil, err
	}
	b.notice(hclog.Debug, roleWritten, aboutRole(name), "role written")
	b.withdraw(ctx, req.Storage, previous, changed)
	b.endFormer(ctx, req.Storage, name, previous, current)
	return roleWarnings(changed, previous == nil, data), nil
}

// roleWarnings says once what an operator has to know of the choices made.
func roleWarnings(r *role, isNew bool, data *framework.FieldData) *logical.Response {
	warned := &logical.Response{}
	chosen := func(field string) bool {
		_, given := data.Raw[field]
		return given || isNew
	}
	if r.RenewMode == lease.Refresh && chosen("renew_mode") {
		warned.AddWarning(refreshWarning)
	}
	if r.RotationPeriod > 0 && r.RotationOverlap < shortOverlap && (chosen("rotation_period") || chosen("rotation_overlap")) {
		warned.AddWarning(fmt.Sprintf("rotation_overlap is %s: a reader that takes longer to replace what it holds has a dead token for a while; %s and more is safe", r.RotationOverlap, shortOverlap))
	}
	if len(warned.Warnings) == 0 {
		return nil
	}
	return warned
}

// refreshWarning is what an operator who chooses refresh has to know.
const refreshWarning = "renew_mode refresh: every renewal kills the token it replaces. Vault Agent and Proxy, consul-template, Nomad, the Vault Secrets Operator and Spring Vault keep the old one: use renew_mode extend or none for them"

// moveTo binds the role to the mount's instance. Secrets that were given for
// another instance are only sent to this one by who knows them.
func (r *role) moveTo(url string, data *framework.FieldData) error {
	if r.URL == url || r.URL == "" {
		r.URL = url
		return nil
	}
	missing := (r.Password != "" && data.Raw["password"] == nil) || (r.AuthClient.ID != "" && data.Raw["client_secret"] == nil)
	if missing {
		return fmt.Errorf("it was written for %s, and the mount is now at %s: give its password (and its client_secret, if it has its own) again", r.URL, url)
	}
	r.URL = url
	return nil
}

func (b *backend) readRolePath(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	found, err := b.roles.load(ctx, req.Storage, data.Get("name").(string))
	if err != nil || found == nil {
		return nil, err
	}
	method := found.AuthClient.Method
	if found.AuthClient.ID == "" {
		method = ""
	}
	scopes := found.Scopes
	if scopes == nil {
		scopes = []string{}
	}
	return &logical.Response{Data: map[string]any{
		"client_id":            found.AuthClient.ID,
		"client_secret_set":    found.AuthClient.Secret != "",
		"client_auth_method":   method,
		"grant_type":           found.GrantType,
		"username":             found.Username,
		"password_set":         found.Password != "",
		"scopes":               scopes,
		"redirect_uri":         found.RedirectURI,
		"session_user_id":      found.SessionUserID,
		"credential_type":      found.CredentialType,
		"user_id":              found.UserID,
		"allow_administrators": found.AllowAdministrators,
		"ttl":                  int64(found.TTL.Seconds()),
		"max_ttl":              int64(found.MaxTTL.Seconds()),
		"renew_mode":           string(found.RenewMode),
		"refresh_min_age":      int64(found.RefreshMinAge.Seconds()),
		"rotation_period":      int64(found.RotationPeriod.Seconds()),
		"rotation_overlap":     int64(found.RotationOverlap.Seconds()),
	}}, nil
}

func (b *backend) deleteRole(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	name := data.Get("name").(string)
	unlock, err := b.lockLogin(ctx, req.Storage, name, nil)
	if err != nil {
		return nil, err
	}
	defer unlock()
	previous, err := b.roles.load(ctx, req.Storage, name)
	if err != nil && !isUnreadable(err) {
		return nil, err
	}
	if err := b.roles.remove(ctx, req.Storage, name); err != nil {
		return nil, err
	}
	b.health.Forget(name)
	if previous != nil {
		b.notice(hclog.Debug, roleDeleted, aboutRole(name), "role deleted")
		b.withdraw(ctx, req.Storage, previous, nil)
	}
	current, err := b.settings.load(ctx, req.Storage, b.clock)
	if err != nil || current == nil {
		return nil, err
	}
	b.endFormer(ctx, req.Storage, name, previous, current)
	if previous == nil || previous.CredentialType != credentialTypePersonalToken {
		return nil, nil
	}
	warned := &logical.Response{}
	warned.AddWarning(fmt.Sprintf("personal access tokens of role %q end with their leases. Those whose lease is lost can be found by their name only while the role has a session: it is gone now, so delete what remains of \"vault:%s:%s:\" in ProcessMaker, or next time write %stidy role=%s first", previous.name, b.shortMountID(), previous.name, req.MountPoint, previous.name))
	return warned, nil
}

// endFormer ends what a role has from before its last write. The role is
// written already, so what cannot be ended is only reported; it is tried again
// every hour.
func (b *backend) endFormer(ctx context.Context, storage logical.Storage, name string, previous *loadedRole, s *settings) {
	defer b.inflight.Join()()
	former := s.config.AuthClient
	if previous != nil {
		if auth, err := previous.authClient(s); err == nil {
			former = auth
		}
	}
	if err := b.endOutdated(ctx, storage, name, former, s); err != nil {
		b.log(hclog.Warn, aboutSession(name), "the session or shared credential of a changed role could not be ended", "error", err)
	}
}

func aboutRole(name string) about { return about{path: "roles/" + name, role: name} }

func (b *backend) listRoles(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	names, err := req.Storage.List(ctx, rolePrefix)
	if err != nil {
		return nil, err
	}
	return logical.ListResponse(names), nil
}
