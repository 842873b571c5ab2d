package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
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
	return found != nil, err
}

func (b *backend) writeRole(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	name := data.Get("name").(string)
	if err := refuseUnknownFields(data); err != nil {
		return logical.ErrorResponse(err.Error()), nil
	}
	if len(name) > longestRoleName {
		return logical.ErrorResponse("the role's name has %d characters, %d are possible: it becomes part of names at ProcessMaker", len(name), longestRoleName), nil
	}
	current, resp, err := b.configured(ctx, req)
	if current == nil {
		return resp, err
	}
	previous, err := b.roles.load(ctx, req.Storage, name)
	if err != nil {
		return nil, err
	}
	changed := newRole()
	if previous != nil {
		*changed = previous.role
	} else if req.Operation == logical.PatchOperation {
		return logical.ErrorResponse("there is no role %q to patch: create it with a POST", name), nil
	}
	in := &input{data: data}
	changed.change(in)
	if in.err != nil {
		return logical.ErrorResponse("role %q: %s", name, in.err), nil
	}
	if err := changed.moveTo(current.config.URL, data); err != nil {
		return logical.ErrorResponse("role %q: %s", name, err), nil
	}
	if err := changed.validate(current); err != nil {
		return logical.ErrorResponse("role %q: %s", name, err), nil
	}
	if data.Get("verify").(bool) {
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
	if _, given := data.Raw["renew_mode"]; changed.RenewMode != renewByRefresh || (previous != nil && !given) {
		return nil, nil
	}
	warned := &logical.Response{}
	warned.AddWarning(refreshWarning)
	return warned, nil
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
	missing := data.Raw["password"] == nil || (r.AuthClient.ID != "" && data.Raw["client_secret"] == nil)
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
		"credential_type":      found.CredentialType,
		"user_id":              found.UserID,
		"allow_administrators": found.AllowAdministrators,
		"ttl":                  int64(found.TTL.Seconds()),
		"max_ttl":              int64(found.MaxTTL.Seconds()),
		"renew_mode":           string(found.RenewMode),
		"refresh_min_age":      int64(found.RefreshMinAge.Seconds()),
	}}, nil
}

func (b *backend) deleteRole(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	return nil, b.roles.remove(ctx, req.Storage, data.Get("name").(string))
}

func (b *backend) listRoles(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	names, err := req.Storage.List(ctx, rolePrefix)
	if err != nil {
		return nil, err
	}
	return logical.ListResponse(names), nil
}

func roleFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"name":          {Type: framework.TypeString, Required: true, Description: "Name of the role.", DisplayAttrs: display("Name", "Role")},
		"client_id":     {Type: framework.TypeString, Description: "Auth client of this role. Default: the config's.", DisplayAttrs: display("Client ID", "Auth client")},
		"client_secret": {Type: framework.TypeString, Description: "Secret of the role's auth client. Write only.", DisplayAttrs: sensitive("Client secret", "Auth client")},
		"client_auth_method": {
			Type: framework.TypeString, Default: string(client.ClientSecretPost), AllowedValues: []any{string(client.ClientSecretPost), string(client.ClientSecretBasic)},
			Description: "Whether the auth client's id and secret go into the body or into an HTTP Basic header.", DisplayAttrs: display("Client authentication method", "Auth client"),
		},
		"grant_type": {
			Type: framework.TypeString, Default: grantTypePassword, AllowedValues: []any{grantTypePassword},
			Description: "How the role signs in.", DisplayAttrs: display("Grant type", "Login"),
		},
		"username": {Type: framework.TypeString, Description: "ProcessMaker user name, not the e-mail address.", DisplayAttrs: display("User name", "Login")},
		"password": {Type: framework.TypeString, Description: "Password of the user. Write only.", DisplayAttrs: sensitive("Password", "Login")},
		"scopes":   {Type: framework.TypeCommaStringSlice, Description: "Scopes to ask for. ProcessMaker defines none; leave it empty.", DisplayAttrs: display("Scopes", "Login")},
		"credential_type": {
			Type: framework.TypeString, Default: credentialTypeAccessToken, AllowedValues: []any{credentialTypeAccessToken, credentialTypePersonalToken},
			Description: "What is handed out: an access_token of a login of its own, or a personal_access_token made by the role's session.", DisplayAttrs: display("Credential type", "Credential"),
		},
		"user_id": {
			Type:        framework.TypeString,
			Description: "Personal access tokens: the user whose tokens are made, a number or exactly one {{identity.entity.metadata.<key>}}. Needs a session of an administrator. Default: the session's own user.", DisplayAttrs: display("User ID", "Credential"),
		},
		"allow_administrators": {Type: framework.TypeBool, Description: "With user_id: that user may be an administrator.", DisplayAttrs: display("Allow administrators", "Credential")},
		"ttl":                  {Type: framework.TypeDurationSecond, Default: int(defaultTTL.Seconds()), Description: "How long a lease lasts, and how much a renewal adds.", DisplayAttrs: display("TTL", "Credential")},
		"max_ttl":              {Type: framework.TypeDurationSecond, Default: int(defaultMaxTTL.Seconds()), Description: "How long a lease can be renewed in all.", DisplayAttrs: display("Maximum TTL", "Credential")},
		"renew_mode": {
			Type: framework.TypeString, AllowedValues: []any{string(renewByRefresh), string(renewByExtending), string(renewNever)},
			Description: "What renewing a lease does: refresh (a new token, the old one dies), extend (the same token), none (not renewable). Default: refresh for access tokens, extend for personal access tokens.", DisplayAttrs: display("Renewal mode", "Credential"),
		},
		"refresh_min_age": {Type: framework.TypeDurationSecond, Description: "With renew_mode refresh: a token younger than this is kept by a renewal.", DisplayAttrs: display("Least age for refresh", "Credential")},
		"verify":          {Type: framework.TypeBool, Description: "Log in once now and end that login at once, so that a mistake shows here. Not stored.", DisplayAttrs: display("Verify", "Login")},
	}
}
