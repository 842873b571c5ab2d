package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/internal/fields"
)

const (
	sessionHelpSynopsis = `The role's own pair of tokens at ProcessMaker, without the tokens.`

	sessionHelpDescription = `
Roles that hand out personal access tokens make them with a session. That of a
grant_type password role starts by itself. For authorization_code, write
"code" and "state" here after signing in at the address that authorize/<name>
gives. For refresh_token, write "refresh_token": it is used at once, so that no
copy of it works any more.

Reading shows whose session it is, never its tokens. Deleting ends it at
ProcessMaker and lets another user sign in.
`

	authorizeHelpSynopsis = `Begins a person's sign-in for a role with grant_type authorization_code.`

	authorizeHelpDescription = `
The answer holds the address to open in a browser and the state that belongs to
it. Within ten minutes, write the code and the state that ProcessMaker sends to
the redirect_uri to sessions/<name>, with a Vault token of the same entity.
`
)

func (b *backend) sessionPaths() []*framework.Path {
	name := &framework.FieldSchema{Type: framework.TypeString, Required: true, Description: "Name of the role.", DisplayAttrs: display("Role", "")}
	return []*framework.Path{{
		Pattern:         "sessions/" + framework.GenericNameRegex("name"),
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    sessionHelpSynopsis,
		HelpDescription: sessionHelpDescription,
		Fields: map[string]*framework.FieldSchema{
			"name":          name,
			"code":          {Type: framework.TypeString, Description: "The code that ProcessMaker sent to the redirect_uri.", DisplayAttrs: sensitive("Code", "")},
			"state":         {Type: framework.TypeString, Description: "The state that authorize/<name> gave.", DisplayAttrs: sensitive("State", "")},
			"refresh_token": {Type: framework.TypeString, Description: "A refresh token to import.", DisplayAttrs: sensitive("Refresh token", "")},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: &framework.PathOperation{
				Callback:     b.readSessionPath,
				Summary:      "Read whose session a role has, without its tokens.",
				Responses:    responds("The session.", sessionAnswerFields()),
				DisplayAttrs: &framework.DisplayAttributes{OperationVerb: "read", OperationSuffix: "session"},
			},
			logical.UpdateOperation: &framework.PathOperation{
				Callback:                  b.writeSession,
				Summary:                   "Complete a sign-in, or import a refresh token.",
				Responses:                 responds("The session.", sessionAnswerFields()),
				DisplayAttrs:              &framework.DisplayAttributes{OperationVerb: "start", OperationSuffix: "session"},
				ForwardPerformanceStandby: true,
			},
			logical.DeleteOperation: &framework.PathOperation{
				Callback:                  b.deleteSession,
				Summary:                   "End a role's session at ProcessMaker.",
				Responses:                 respondsEmpty(),
				DisplayAttrs:              &framework.DisplayAttributes{OperationVerb: "end", OperationSuffix: "session"},
				ForwardPerformanceStandby: true,
			},
		},
	}, {
		Pattern:         "sessions/?$",
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    "The names of the roles that have a session.",
		HelpDescription: "Lists the names of the roles that have a session, sorted.",
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ListOperation: &framework.PathOperation{
				Callback: b.listSessions,
				Summary:  "List the roles that have a session.",
				Responses: responds("The names.", map[string]*framework.FieldSchema{
					"keys": {Type: framework.TypeStringSlice, Required: true, Description: "Names of the roles."},
				}),
				DisplayAttrs: &framework.DisplayAttributes{OperationVerb: "list", OperationSuffix: "sessions"},
			},
		},
	}, {
		Pattern:         "authorize/" + framework.GenericNameRegex("name"),
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    authorizeHelpSynopsis,
		HelpDescription: authorizeHelpDescription,
		Fields:          map[string]*framework.FieldSchema{"name": name},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: &framework.PathOperation{
				Callback: b.authorize,
				Summary:  "Begin a person's sign-in.",
				Responses: responds("Where to sign in.", map[string]*framework.FieldSchema{
					"authorization_url": {Type: framework.TypeString, Required: true, Description: "Address to open in a browser."},
					"state":             {Type: framework.TypeString, Required: true, Description: "What ProcessMaker sends back with the code."},
					"redirect_uri":      {Type: framework.TypeString, Required: true, Description: "Where ProcessMaker sends the code."},
					"expire_time":       {Type: framework.TypeString, Required: true, Description: "When the sign-in is no longer accepted (RFC 3339)."},
				}),
				DisplayAttrs:              &framework.DisplayAttributes{OperationVerb: "authorize", OperationSuffix: "session"},
				ForwardPerformanceStandby: true,
			},
		},
	}}
}

// sessionRole returns what a request about a session needs, or what to answer where
// there is no role.
func (b *backend) sessionRole(ctx context.Context, req *logical.Request, data *framework.FieldData) (*loadedRole, *settings, *logical.Response, error) {
	role, current, resp, err := b.requestedRole(ctx, req, data)
	if role == nil {
		return nil, current, resp, err
	}
	if err := role.belongsTo(current); err != nil {
		return nil, current, logical.ErrorResponse("role %q: %s", role.name, err), nil
	}
	return role, current, nil, nil
}

func (b *backend) authorize(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	role, current, resp, err := b.sessionRole(ctx, req, data)
	if role == nil {
		return resp, err
	}
	if role.GrantType != grantTypeCode {
		return logical.ErrorResponse("role %q signs in by %s; authorize is for grant_type %s", role.name, role.GrantType, grantTypeCode), nil
	}
	address, state, err := b.beginSignIn(ctx, req, role, current)
	if err != nil {
		return upstreamAnswer(fmt.Sprintf("role %q: %s", role.name, err), err)
	}
	return &logical.Response{Data: map[string]any{
		"authorization_url": address,
		"state":             state,
		"redirect_uri":      role.RedirectURI,
		"expire_time":       b.clock.Now().Add(signInTime).UTC().Format(time.RFC3339),
	}}, nil
}

func (b *backend) writeSession(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	defer b.inflight.Join()()
	role, current, resp, err := b.sessionRole(ctx, req, data)
	if role == nil {
		return resp, err
	}
	in := &fields.Input{Data: data}
	var code, state, refreshToken string
	in.Secret("code", &code)
	in.Secret("state", &state)
	in.Secret("refresh_token", &refreshToken)
	if in.Err != nil {
		return logical.ErrorResponse("role %q: %s", role.name, in.Err), nil
	}
	var started *session
	switch {
	case role.GrantType == grantTypePassword:
		return logical.ErrorResponse("role %q signs in with its password; its session starts by itself when one is needed", role.name), nil
	case role.GrantType == grantTypeCode && (code == "" || state == "" || refreshToken != ""):
		return logical.ErrorResponse("role %q signs in by authorization_code: give code and state", role.name), nil
	case role.GrantType == grantTypeRefreshToken && (refreshToken == "" || code != "" || state != ""):
		return logical.ErrorResponse("role %q signs in by refresh_token: give refresh_token", role.name), nil
	case role.GrantType == grantTypeCode:
		started, err = b.completeSignIn(ctx, req, role, current, code, state)
	default:
		started, err = b.importSession(ctx, req.Storage, role, current, refreshToken)
	}
	if err != nil {
		auth, _ := role.authClient(current)
		return upstreamAnswer(loginTrouble(role.name, &role.role, auth, err, b.clock.Now()), err)
	}
	return &logical.Response{Data: sessionAnswer(started)}, nil
}

func (b *backend) readSessionPath(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	stored, err := readSession(ctx, req.Storage, data.Get("name").(string))
	if err != nil || stored == nil {
		return nil, err
	}
	return &logical.Response{Data: sessionAnswer(stored)}, nil
}

func (b *backend) listSessions(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	names, err := req.Storage.List(ctx, sessionPrefix)
	if err != nil {
		return nil, err
	}
	return logical.ListResponse(names), nil
}

func (b *backend) deleteSession(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	defer b.inflight.Join()()
	name := data.Get("name").(string)
	role, current, resp, err := b.sessionRole(ctx, req, data)
	var auth authClient
	switch {
	case role != nil:
		auth, err = role.authClient(current)
	case current == nil || !b.leftSession(ctx, req.Storage, name):
		return resp, err
	default:
		auth, err = current.config.AuthClient, nil
	}
	if err == nil {
		err = b.dropSession(ctx, req.Storage, name, auth, current, anyFingerprint)
	}
	if err != nil {
		return nil, fmt.Errorf("role %q: the session could not be ended: %w", name, err)
	}
	return nil, nil
}

// leftSession tells whether there is a session, sound or damaged, of a role that
// is gone or cannot be read.
func (b *backend) leftSession(ctx context.Context, storage logical.Storage, name string) bool {
	role, err := b.roles.load(ctx, storage, name)
	if role != nil || (err != nil && !isUnreadable(err)) {
		return false
	}
	left, err := readSession(ctx, storage, name)
	return left != nil || isUnreadable(err)
}

func sessionAnswer(s *session) map[string]any {
	state := "active"
	if s.LostBecause != "" {
		state = "needs_sign_in"
	}
	written := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	return map[string]any{
		"state":             state,
		"user_id":           s.UserID,
		"username":          s.Username,
		"client_id":         s.Fingerprint.ClientID,
		"created_time":      written(s.CreatedTime),
		"last_refresh_time": written(s.LastRefreshTime),
		"token_expire_time": written(s.TokenExpireTime),
		"last_error":        s.LostBecause,
	}
}

func sessionAnswerFields() map[string]*framework.FieldSchema {
	field := func(description string) *framework.FieldSchema {
		return &framework.FieldSchema{Type: framework.TypeString, Required: true, Description: description}
	}
	return map[string]*framework.FieldSchema{
		"state":             field("active, or needs_sign_in."),
		"user_id":           field("ProcessMaker's number of the user who signed in."),
		"username":          field("Name of that user."),
		"client_id":         field("Auth client of the session."),
		"created_time":      field("When the session began (RFC 3339)."),
		"last_refresh_time": field("When its tokens were last renewed (RFC 3339)."),
		"token_expire_time": field("ProcessMaker's own end of its access token (RFC 3339)."),
		"last_error":        field("Why it needs a sign-in; empty while it is active."),
	}
}
