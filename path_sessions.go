package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/session"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/fields"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
)

const sessionHelp = `
Roles that hand out personal access tokens make them with a session. That of a
grant_type password role starts by itself. For authorization_code, write
"code" and "state" here after signing in at the address that authorize/<name>
gives. For refresh_token, write "refresh_token": it is used at once, so that no
copy of it works any more.

Reading shows whose session it is, never its tokens. Deleting ends it at
ProcessMaker and lets another user sign in.

For example:

    vault read <mount>/sessions/jobs
    vault write <mount>/sessions/people code=<code> state=<state>
`

const authorizeHelp = `
The answer holds the address to open in a browser and the state that belongs to
it. Within ten minutes, write the code and the state that ProcessMaker sends to
the redirect_uri to sessions/<name>, with a Vault token of the same entity.

For example:

    vault write -f <mount>/authorize/people
`

func (b *backend) sessionPaths() []*framework.Path {
	name := nameField(display("Role", ""))
	fields := map[string]*framework.FieldSchema{
		"name":          name,
		"code":          {Type: framework.TypeString, Description: "For grant_type authorization_code: the code that ProcessMaker sent to the redirect_uri. Example: code=<code>", DisplayAttrs: sensitive("Code", "")},
		"state":         {Type: framework.TypeString, Description: "For grant_type authorization_code: the state that authorize/<name> gave. Example: state=<state>", DisplayAttrs: sensitive("State", "")},
		"refresh_token": {Type: framework.TypeString, Description: "For grant_type refresh_token: a refresh token to import. Example: refresh_token=-", DisplayAttrs: sensitive("Refresh token", "")},
	}
	session := responds("The session.", sessionAnswerFields())
	signIn := responds("Where to sign in.", map[string]*framework.FieldSchema{
		"authorization_url": alwaysText("Address to open in a browser."),
		"state":             alwaysText("The state that ProcessMaker sends back with the code."),
		"redirect_uri":      alwaysText("Where ProcessMaker sends the code."),
		"expire_time":       alwaysText("When the sign-in is no longer accepted (RFC 3339)."),
	})
	return []*framework.Path{
		path("sessions/"+framework.GenericNameRegex("name"), `Shows, starts and ends the session with which a role makes personal access tokens.`, sessionHelp, fields, map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   here(b.readSession, named{"read", "session"}, "Read whose session a role has, without its tokens.", session),
			logical.UpdateOperation: onActive(b.ofRole(b.writeSession), named{"start", "session"}, "Complete a sign-in, or import a refresh token.", session),
			logical.DeleteOperation: onActive(b.deleteSession, named{"end", "session"}, "End a role's session at ProcessMaker.", respondsEmpty()),
		}),
		path("sessions/?$", "Lists the roles that have a session.", "Lists the names of the roles that have a session, sorted. \"vault read <mount>/sessions/jobs\" shows one.", nil, map[logical.Operation]framework.OperationHandler{
			logical.ListOperation: here(b.listSessions, named{"list", "sessions"}, "List the roles that have a session.", respondsKeys("Names of the roles.")),
		}),
		path("authorize/"+framework.GenericNameRegex("name"), `Begins a person's sign-in for a role with grant_type authorization_code.`, authorizeHelp, map[string]*framework.FieldSchema{"name": name}, map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: onActive(b.ofRole(b.authorize), named{"authorize", "session"}, "Begin a person's sign-in.", signIn),
		}),
	}
}

// callerOf tells Vault tokens apart: by their entity, which outlives a single token, or their
// accessor.
func callerOf(req *logical.Request) string {
	switch {
	case req.EntityID != "":
		return "entity:" + req.EntityID
	case req.ClientTokenAccessor != "":
		return "accessor:" + req.ClientTokenAccessor
	default:
		return ""
	}
}

func (b *backend) authorize(ctx context.Context, bound *role.Binding, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	if bound.GrantType != role.GrantTypeCode {
		return nil, problem.Refusef("role %q signs in by %s; authorize is for grant_type=%s", bound.Name, bound.GrantType, role.GrantTypeCode)
	}
	begun, err := b.engine.Sessions.BeginSignIn(ctx, bound, callerOf(req))
	if err != nil {
		return nil, fmt.Errorf("role %q: %w", bound.Name, err)
	}
	return &logical.Response{Data: map[string]any{
		"authorization_url": begun.URL,
		"state":             begun.State,
		"redirect_uri":      bound.RedirectURI,
		"expire_time":       timeText(begun.ExpireTime),
	}}, nil
}

func (b *backend) writeSession(ctx context.Context, bound *role.Binding, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	in := &fields.Input{Data: data}
	var code, state, refreshToken string
	in.Secret("code", &code)
	in.Secret("state", &state)
	in.Secret("refresh_token", &refreshToken)
	if in.Err != nil {
		return nil, problem.Refusef("role %q: %s", bound.Name, in.Err)
	}
	var started *session.Session
	var err error
	switch {
	case bound.GrantType == role.GrantTypePassword:
		return nil, problem.Refusef("role %q signs in with its password; its session starts by itself when one is needed", bound.Name)
	case bound.GrantType == role.GrantTypeCode && (code == "" || state == "" || refreshToken != ""):
		return nil, problem.Refusef("role %q signs in by authorization_code: give code and state, with \"vault write %ssessions/%s code=<code> state=<state>\"", bound.Name, problem.Mount, bound.Name)
	case bound.GrantType == role.GrantTypeRefreshToken && (refreshToken == "" || code != "" || state != ""):
		return nil, problem.Refusef("role %q signs in by refresh_token: give refresh_token, with \"vault write %ssessions/%s refresh_token=-\"", bound.Name, problem.Mount, bound.Name)
	case bound.GrantType == role.GrantTypeCode:
		started, err = b.engine.Sessions.CompleteSignIn(ctx, bound, callerOf(req), code, state)
	default:
		started, err = b.engine.Sessions.Import(ctx, bound, refreshToken)
	}
	if err != nil {
		return nil, fmt.Errorf("role %q: %w", bound.Name, token.Explain(bound, err, b.clock.Now()))
	}
	return &logical.Response{Data: b.sessionAnswer(started)}, nil
}

func (b *backend) readSession(ctx context.Context, _ *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	stored, err := b.engine.Sessions.Get(ctx, data.Get("name").(string))
	if err != nil || stored == nil {
		return nil, err
	}
	return &logical.Response{Data: b.sessionAnswer(stored)}, nil
}

func (b *backend) listSessions(ctx context.Context, _ *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	names, err := b.engine.Sessions.Names(ctx)
	if err != nil {
		return nil, err
	}
	return logical.ListResponse(names), nil
}

func (b *backend) deleteSession(ctx context.Context, _ *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	name := data.Get("name").(string)
	inst, err := b.engine.Instances.Require(ctx)
	if err != nil {
		return nil, err
	}
	auth := inst.Config.AuthClient.ForClient()
	bound, err := b.engine.Roles.Bind(ctx, name)
	switch {
	case err == nil:
		auth = bound.Auth
	case !b.hasOrphanedSession(ctx, name):
		return nil, err
	}
	if err := b.engine.Sessions.End(ctx, name, auth, inst, session.Whatever); err != nil {
		return nil, fmt.Errorf("role %q: the session could not be ended: %w", name, err)
	}
	return nil, nil
}

// hasOrphanedSession tells whether a role that is gone or unreadable has a session, even damaged.
func (b *backend) hasOrphanedSession(ctx context.Context, name string) bool {
	entry, err := b.engine.Roles.Get(ctx, name)
	if entry != nil || (err != nil && !store.IsUnreadable(err)) {
		return false
	}
	orphaned, err := b.engine.Sessions.Get(ctx, name)
	return orphaned != nil || store.IsUnreadable(err)
}

func (b *backend) sessionAnswer(s *session.Session) map[string]any {
	return map[string]any{
		"state":             s.State(),
		"user_id":           s.UserID,
		"username":          s.Username,
		"client_id":         s.Fingerprint.ClientID,
		"created_time":      timeText(s.CreatedTime),
		"last_refresh_time": timeText(s.LastRefreshTime),
		"token_expire_time": timeText(s.TokenExpireTime),
		"last_error":        b.told(s.LostBecause),
	}
}

func sessionAnswerFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"state":             alwaysText("active, or needs_sign_in."),
		"user_id":           alwaysText("ProcessMaker's number of the user who signed in."),
		"username":          alwaysText("Name of that user."),
		"client_id":         alwaysText("Auth client of the session."),
		"created_time":      alwaysText("When the session began (RFC 3339)."),
		"last_refresh_time": alwaysText("When its tokens were last renewed (RFC 3339)."),
		"token_expire_time": alwaysText("ProcessMaker's own end of its access token (RFC 3339)."),
		"last_error":        alwaysText("Why it needs a sign-in; empty while it is active."),
	}
}

// sessionStatusFields are the fields of a session that a role's status repeats.
var sessionStatusFields = []string{"state", "user_id", "created_time", "last_refresh_time", "token_expire_time"}
