package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/fields"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

const roleHelp = `
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

For example:

    vault write <mount>/roles/ci username=vault-ci password=@password.txt \
        renew_mode=none ttl=15m
`

const listRolesHelp = `
Lists the names of the roles, sorted. "vault list -detailed" shows of each its
grant_type, credential_type, renew_mode, username, and the state of its session.
`

func (b *backend) rolePaths() []*framework.Path {
	const summary = "Set how a role signs in and what it hands out."
	role := path("roles/"+framework.GenericNameRegex("name"), `Sets how a role signs in to ProcessMaker, and which tokens it hands out.`, roleHelp, roleFields(), map[logical.Operation]framework.OperationHandler{
		logical.CreateOperation: onPrimary(b.writeRole, named{"write", "role"}, summary, respondsEmpty()),
		logical.UpdateOperation: onPrimary(b.writeRole, named{"write", "role"}, summary, respondsEmpty()),
		logical.PatchOperation:  onPrimary(b.writeRole, named{"patch", "role"}, summary, respondsEmpty()),
		logical.ReadOperation:   here(b.readRole, named{"read", "role"}, "Read a role, without secrets.", responds("The role.", answerFields(roleFields(), "name", "verify"))),
		logical.DeleteOperation: onPrimary(b.deleteRole, named{"delete", "role"}, "Delete a role. Its leases stay revocable.", respondsEmpty()),
	})
	role.ExistenceCheck = b.roleExists
	return []*framework.Path{role,
		path("roles/?$", `Lists the roles.`, listRolesHelp, nil, map[logical.Operation]framework.OperationHandler{
			logical.ListOperation: here(b.listRoles, named{"list", "roles"}, "List the roles.", respondsKeysAndInfo("Names of the roles.", "Of each role grant_type, credential_type, renew_mode, username and session_state (active, needs_sign_in, unreadable; empty without a session).")),
		}),
	}
}

func roleFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"name":                     nameField(display("Name", "Role")),
		"client_id":                {Type: framework.TypeString, Description: "ID of the auth client of this role. Default: that of the config. Example: client_id=7", DisplayAttrs: display("Client ID", "Auth client")},
		"client_secret":            {Type: framework.TypeString, Description: "Secret of the role's auth client. It is never read back. Default: that of the config. Example: client_secret=@client-secret.txt", DisplayAttrs: sensitive("Client secret", "Auth client")},
		"client_auth_method":       authMethodField(),
		"grant_type":               choice(role.GrantTypePassword, []any{role.GrantTypePassword, role.GrantTypeCode, role.GrantTypeRefreshToken}, "How the role signs in: with username and password, by a person in a browser, or with an imported refresh token.", display("Grant type", "Login")),
		"username":                 {Type: framework.TypeString, Description: "For grant_type password: the ProcessMaker user name, not the e-mail address. Example: username=vault-ci", DisplayAttrs: display("User name", "Login")},
		"password":                 {Type: framework.TypeString, Description: "For grant_type password: the password of the user. It is never read back. Example: password=@password.txt", DisplayAttrs: sensitive("Password", "Login")},
		"scopes":                   {Type: framework.TypeCommaStringSlice, Description: "Scopes to ask for. ProcessMaker defines none: leave it empty. Example: scopes=", DisplayAttrs: display("Scopes", "Login")},
		"redirect_uri":             {Type: framework.TypeString, Description: "For grant_type authorization_code: the redirect URI of the auth client, exactly as it is there. Example: redirect_uri=http://127.0.0.1:8250/callback", DisplayAttrs: display("Redirect URI", "Login")},
		"session_user_id":          {Type: framework.TypeString, Description: "For grant_type authorization_code: the number of the one user who may sign in. Default: the user who signs in first, until the session is deleted. Example: session_user_id=7", DisplayAttrs: display("Session user ID", "Login")},
		"credential_type":          choice(role.CredentialTypeAccessToken, []any{role.CredentialTypeAccessToken, role.CredentialTypePersonalToken}, "Kind of the tokens that are handed out: access_token, each of a login of its own, or personal_access_token, made with the role's session.", display("Credential type", "Credential")),
		"user_id":                  {Type: framework.TypeString, Description: "Personal access tokens: the user whose tokens are made, a number, or exactly one {{identity.entity.metadata.<key>}} or {{identity.entity.aliases.<mount accessor>.metadata.<key>}}. Needs a session of an administrator. Default: the session's own user. Example: user_id=7", DisplayAttrs: display("User ID", "Credential")},
		"allow_administrators":     {Type: framework.TypeBool, Description: "With user_id: that user may be an administrator.", DisplayAttrs: display("Allow administrators", "Credential")},
		"ttl":                      {Type: framework.TypeDurationSecond, Default: int(role.DefaultTTL.Seconds()), Description: "How long a lease lasts, and how much a renewal adds. Example: ttl=30m", DisplayAttrs: display("TTL", "Credential")},
		"max_ttl":                  {Type: framework.TypeDurationSecond, Default: int(role.DefaultMaxTTL.Seconds()), Description: "How long a lease can be renewed in all. Example: max_ttl=12h", DisplayAttrs: display("Maximum TTL", "Credential")},
		"renew_mode":               choice("", []any{string(lease.Refresh), string(lease.Extend), string(lease.None)}, "Effect of a renewal of the lease: refresh (a new token, the old one dies), extend (the same token), none (not renewable). Default: refresh for access tokens, extend for personal access tokens.", display("Renewal mode", "Credential")),
		"refresh_min_age":          {Type: framework.TypeDurationSecond, Description: "With renew_mode refresh: a renewal keeps a token that is younger than this. Example: refresh_min_age=10m", DisplayAttrs: display("Least age for refresh", "Credential")},
		"rotation_period":          {Type: framework.TypeDurationSecond, Description: "For static-creds: how long one shared credential is handed out, 10s or more. Default: 0, no shared credential. Example: rotation_period=1h", DisplayAttrs: display("Rotation period", "Shared credential")},
		"rotation_overlap":         {Type: framework.TypeDurationSecond, Default: int(role.DefaultRotationOverlap.Seconds()), Description: "For static-creds: how long a shared credential lives on after its rotation; less than rotation_period. Example: rotation_overlap=5m", DisplayAttrs: display("Rotation overlap", "Shared credential")},
		"password_rotation_period": {Type: framework.TypeDurationSecond, Description: "For grant_type password: the engine rotates the password when it is older than this, 1h or more. Default: 0, only at rotate-role. Example: password_rotation_period=720h", DisplayAttrs: display("Password rotation period", "Login")},
		"verify":                   {Type: framework.TypeBool, Description: "Log in once now and end that login at once, so that a mistake shows here. Not stored. A refusal is remembered for 5 to 60 seconds, by user and auth client; until then no other password of that user is tried.", DisplayAttrs: display("Verify", "Login")},
	}
}

func (b *backend) roleExists(ctx context.Context, _ *logical.Request, data *framework.FieldData) (bool, error) {
	found, err := b.engine.Roles.Get(ctx, data.Get("name").(string))
	if store.IsUnreadable(err) {
		return false, nil
	}
	return found != nil, err
}

func (b *backend) writeRole(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	name := data.Get("name").(string)
	if len(name) > role.LongestName {
		return nil, problem.Refusef("the role's name has %d characters, %d are possible: it becomes part of names at ProcessMaker. Choose a shorter one, such as ci", len(name), role.LongestName)
	}
	inst, err := b.engine.Instances.Require(ctx)
	if err != nil {
		return nil, err
	}
	unlock, err := b.lockLogin(ctx, name, data)
	if err != nil {
		return nil, err
	}
	defer unlock()
	previous, err := b.engine.Roles.Get(ctx, name)
	if err != nil && (!store.IsUnreadable(err) || req.Operation == logical.PatchOperation) {
		return nil, err
	}
	changed := role.New()
	if previous != nil {
		*changed = previous.Role
	} else if req.Operation == logical.PatchOperation {
		return nil, problem.Refusef("there is no role %q to patch: create it with \"vault write %sroles/%s username=vault-ci password=@password.txt\"", name, problem.Mount, name)
	}
	if err := changeRole(changed, inst, data); err != nil {
		return nil, problem.Refusef("role %q: %s", name, err)
	}
	changed.NotePassword(previous, b.clock.Now())
	if err := b.engine.Roles.RefuseSharedRotation(ctx, name, previous, changed); err != nil {
		return nil, fmt.Errorf("role %q: %w", name, err)
	}
	if data.Get("verify").(bool) {
		if err := b.verifyRole(ctx, name, changed, inst); err != nil {
			return nil, err
		}
	}
	if err := b.engine.Roles.Replace(ctx, name, previous, changed); err != nil {
		return nil, err
	}
	b.engine.Report.Happened(hclog.Debug, telemetry.RoleWritten, telemetry.OfRole(name), "role written")
	b.engine.Roles.Withdraw(ctx, previous, changed)
	b.engine.EndSuperseded(ctx, name, previous)
	return warned(roleWarnings(changed, previous == nil, data)...), nil
}

func changeRole(changed *role.Role, inst *instance.Instance, data *framework.FieldData) error {
	in := &fields.Input{Data: data}
	changed.Change(in)
	if in.Err != nil {
		return in.Err
	}
	given := func(field string) bool { return data.Raw[field] != nil }
	if err := changed.MoveTo(inst.Config.URL, given); err != nil {
		return err
	}
	return changed.Validate(inst)
}

// lockLogin keeps changes of the password away from a write of the login. data is nil for a
// deletion.
func (b *backend) lockLogin(ctx context.Context, name string, data *framework.FieldData) (unlock func(), err error) {
	var written string
	if data != nil {
		_, password := data.Raw["password"]
		_, username := data.Raw["username"]
		_, grantType := data.Raw["grant_type"]
		_, period := data.Raw["password_rotation_period"]
		if !password && !username && !grantType && !period {
			return func() {}, nil
		}
		written, _ = data.Raw["username"].(string)
	}
	previous, err := b.engine.Roles.Get(ctx, name)
	if err != nil && !store.IsUnreadable(err) {
		return nil, err
	}
	if previous != nil {
		return b.engine.Roles.LockUsers(ctx, previous.Username, written)
	}
	return b.engine.Roles.LockUsers(ctx, written)
}

// verifyRole logs in once with a role that is about to be written, and ends that login. It does not
// log in as the role does otherwise: the password counts as it was typed.
func (b *backend) verifyRole(ctx context.Context, name string, changed *role.Role, inst *instance.Instance) error {
	if changed.GrantType != role.GrantTypePassword {
		return problem.Refusef("role %q: verify goes with grant_type %s: other sign-ins show at sessions/%s whether they work", name, role.GrantTypePassword, name)
	}
	bound, err := role.Draft(name, changed, inst)
	if err != nil {
		return err
	}
	if err := b.engine.Tokens.Verify(ctx, bound, changed.Password, "roles"); err != nil {
		told := token.Explain(bound, err, b.clock.Now())
		return problem.Explain(told, fmt.Sprintf("role %q: %s; nothing was stored", name, told))
	}
	return nil
}

func roleWarnings(r *role.Role, isNew bool, data *framework.FieldData) (warnings []string) {
	chosen := func(field string) bool {
		_, given := data.Raw[field]
		return given || isNew
	}
	if r.RenewMode == lease.Refresh && chosen("renew_mode") {
		warnings = append(warnings, refreshWarning)
	}
	if r.RotationPeriod > 0 && r.RotationOverlap < role.ShortOverlap && (chosen("rotation_period") || chosen("rotation_overlap")) {
		warnings = append(warnings, fmt.Sprintf("rotation_overlap is %s: a reader that takes longer to replace its token has a dead one for a while; %s and more is safe", r.RotationOverlap, role.ShortOverlap))
	}
	if role.HasBlankEnds(r.Username) && chosen("username") {
		warnings = append(warnings, "username begins or ends with a blank, which ProcessMaker cuts off")
	}
	if role.HasBlankEnds(r.Password) && chosen("password") {
		warnings = append(warnings, "password begins or ends with a blank: newer releases of ProcessMaker cut it off, and the login fails then")
	}
	if len(r.Scopes) > 0 && !slices.Equal(r.Scopes, []string{"*"}) && chosen("scopes") {
		warnings = append(warnings, "scopes: ProcessMaker defines none and refuses a login that asks for one; clear them with scopes=\"\"")
	}
	return warnings
}

const refreshWarning = "renew_mode refresh: every renewal kills the token it replaces. Vault Agent and Proxy, consul-template, Nomad, the Vault Secrets Operator and Spring Vault keep the old one: use renew_mode extend or none for them"

func (b *backend) readRole(ctx context.Context, _ *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	found, err := b.engine.Roles.Get(ctx, data.Get("name").(string))
	if err != nil || found == nil {
		return nil, err
	}
	method := found.AuthClient.Method
	if found.AuthClient.ID == "" {
		method = ""
	}
	return &logical.Response{Data: map[string]any{
		"client_id":                found.AuthClient.ID,
		"client_secret_set":        found.AuthClient.Secret != "",
		"client_auth_method":       method,
		"grant_type":               found.GrantType,
		"username":                 found.Username,
		"password_set":             found.Password != "",
		"scopes":                   append([]string{}, found.Scopes...),
		"redirect_uri":             found.RedirectURI,
		"session_user_id":          found.SessionUserID,
		"credential_type":          found.CredentialType,
		"user_id":                  found.UserID,
		"allow_administrators":     found.AllowAdministrators,
		"ttl":                      int64(found.TTL.Seconds()),
		"max_ttl":                  int64(found.MaxTTL.Seconds()),
		"renew_mode":               string(found.RenewMode),
		"refresh_min_age":          int64(found.RefreshMinAge.Seconds()),
		"rotation_period":          int64(found.RotationPeriod.Seconds()),
		"rotation_overlap":         int64(found.RotationOverlap.Seconds()),
		"password_rotation_period": int64(found.PasswordRotationPeriod.Seconds()),
	}}, nil
}

func (b *backend) deleteRole(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	name := data.Get("name").(string)
	unlock, err := b.lockLogin(ctx, name, nil)
	if err != nil {
		return nil, err
	}
	defer unlock()
	previous, err := b.engine.Roles.Get(ctx, name)
	if err != nil && !store.IsUnreadable(err) {
		return nil, err
	}
	if err := b.engine.Roles.Delete(ctx, name); err != nil {
		return nil, err
	}
	b.engine.Report.Health.Forget(name)
	if previous != nil {
		b.engine.Report.Happened(hclog.Debug, telemetry.RoleDeleted, telemetry.OfRole(name), "role deleted")
		b.engine.Roles.Withdraw(ctx, previous, nil)
	}
	inst, err := b.engine.Instances.Current(ctx)
	if err != nil || inst == nil {
		return nil, err
	}
	b.engine.EndSuperseded(ctx, name, previous)
	if previous == nil || previous.CredentialType != role.CredentialTypePersonalToken {
		return nil, nil
	}
	return warned(fmt.Sprintf("personal access tokens of role %q end with their leases. Those whose lease is lost can be found by their name only while the role has a session: it is gone now, so delete the remaining ones of \"vault:%s:%s:\" in ProcessMaker, or next time write %scredentials/revoke role=%s first", name, b.engine.Ledger.Mount(), name, problem.Mount, name)), nil
}

func (b *backend) listRoles(ctx context.Context, _ *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	names, info, err := b.engine.RoleInfo(ctx)
	if err != nil {
		return nil, err
	}
	return logical.ListResponseWithInfo(names, info), nil
}
