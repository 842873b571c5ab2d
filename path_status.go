package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
)

const (
	statusHelpSynopsis = `How the mount and its ProcessMaker are, without secrets.`

	statusHelpDescription = `
"reachable" asks ProcessMaker now, in one call that needs no login and counts
against no limit. "overdue" counts credentials whose deadline is over and whose
end ProcessMaker has not confirmed; they are tried again every minute.
"unaccounted" counts tokens that may live and that nothing here knows: logins
and refreshes whose answer was lost, and tokens that could neither be stored nor
ended. It counts what is possible, not what is proved.

Counters, and what is told of a role, count from the start of the plugin on the
node that answers.
`

	roleStatusHelpSynopsis = `How a role's sign-ins go, and what cures them.`

	roleStatusHelpDescription = `
With foreign=true the answer also lists the personal access tokens of the role's
user that this mount did not make: a token can make others, which do not end
with it. They are only listed. For a role that hands out access tokens, this
costs one login.
`
)

// statusCounters are the counters that status answers with.
var statusCounters = []string{
	credsCreated, credsCreateFailed, credsRenewed, credsRenewFailed, credsRevoked, credsRevokeFailed,
	sessionStarted, sessionRenewed, sessionLost, ledgerEnded, ledgerEndFailed, ledgerDue,
}

func (b *backend) statusPaths() []*framework.Path {
	return []*framework.Path{{
		Pattern:         "status",
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    statusHelpSynopsis,
		HelpDescription: statusHelpDescription,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: &framework.PathOperation{
				Callback:                  b.readStatus,
				Summary:                   "Read how the mount and its ProcessMaker are.",
				Responses:                 responds("The state of the mount.", statusAnswerFields()),
				DisplayAttrs:              &framework.DisplayAttributes{OperationVerb: "read", OperationSuffix: "status"},
				ForwardPerformanceStandby: true,
			},
		},
	}, {
		Pattern:         "status/" + framework.GenericNameRegex("name"),
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    roleStatusHelpSynopsis,
		HelpDescription: roleStatusHelpDescription,
		Fields: map[string]*framework.FieldSchema{
			"name":    {Type: framework.TypeString, Required: true, Description: "Name of the role.", DisplayAttrs: display("Role", "")},
			"foreign": {Type: framework.TypeBool, Query: true, Description: "List the personal access tokens of the role's user that this mount did not make.", DisplayAttrs: display("Foreign tokens", "")},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: &framework.PathOperation{
				Callback:                  b.readRoleStatus,
				Summary:                   "Read how a role's sign-ins go.",
				Responses:                 responds("The state of the role.", roleStatusAnswerFields()),
				DisplayAttrs:              &framework.DisplayAttributes{OperationVerb: "read", OperationSuffix: "role-status"},
				ForwardPerformanceStandby: true,
			},
		},
	}}
}

func (b *backend) readStatus(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	resp := &logical.Response{Data: map[string]any{
		"version":                  version,
		"url":                      "",
		"reachable":                false,
		"breaker":                  string(client.Closed),
		"token_requests_remaining": client.NoTokenLimit,
		"unaccounted":              b.counters.of(ledgerUnaccounted),
		"counters":                 b.countersAnswer(),
	}}
	late, err := b.findOverdue(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	resp.Data["overdue"], resp.Data["oldest_due"] = len(late.ids), timeText(late.oldest)
	if !late.all {
		resp.AddWarning("there is more overdue than was counted")
	}
	var unreadable int
	var why error
	for _, id := range late.ids {
		if err := b.failures.WhyHopeless(string(id)); err != nil {
			unreadable, why = unreadable+1, err
		}
	}
	if unreadable > 0 {
		resp.AddWarning(fmt.Sprintf("what is overdue cannot be ended where its record cannot be read (%d of it, one is this): %s", unreadable, why))
	}
	current, err := b.settings.load(ctx, req.Storage, b.clock)
	switch {
	case err != nil:
		return nil, err
	case current == nil:
		resp.AddWarning("this mount has no config")
		return resp, nil
	case current.config.Deleted:
		resp.AddWarning("the config was deleted; what is needed to end live credentials is kept until they are ended")
	}
	resp.Data["url"] = current.config.URL
	err = current.client.Probe(ctx)
	resp.Data["reachable"] = err == nil
	if err != nil {
		resp.AddWarning("not reachable: " + err.Error())
	}
	condition := current.client.Condition()
	resp.Data["breaker"] = string(condition.Breaker)
	resp.Data["token_requests_remaining"] = condition.TokenRequestsRemaining
	return resp, nil
}

func (b *backend) countersAnswer() map[string]any {
	answer := map[string]any{"events_dropped": b.events.Dropped()}
	for _, name := range statusCounters {
		answer[strings.ReplaceAll(name, "-", "_")] = b.counters.of(name)
	}
	return answer
}

func (b *backend) readRoleStatus(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	role, err := b.roles.load(ctx, req.Storage, data.Get("name").(string))
	if err != nil || role == nil {
		return nil, err
	}
	condition := b.health.Of(role.name).Condition()
	answer := map[string]any{
		"role":            role.name,
		"last_issue_time": timeText(condition.LastIssue),
		"last_error":      condition.LastError,
		"last_error_time": timeText(condition.LastErrorTime),
		"cure":            condition.Cure,
		"retry_after":     max(int64(condition.RetryAt.Sub(b.clock.Now())/time.Second), 0),
	}
	if err := b.addSessionStatus(ctx, req.Storage, role.name, answer); err != nil {
		return nil, err
	}
	if err := b.addStaticStatus(ctx, req.Storage, role, answer); err != nil {
		return nil, err
	}
	if !data.Get("foreign").(bool) {
		return &logical.Response{Data: answer}, nil
	}
	defer b.inflight.Join()()
	current, resp, err := b.configured(ctx, req)
	if current == nil {
		return resp, err
	}
	foreign, unreadable, err := b.foreignTokens(ctx, req.Storage, role, current)
	if err != nil {
		auth, _ := role.authClient(current)
		return upstreamAnswer(loginTrouble(role.name, &role.role, auth, err, b.clock.Now()), err)
	}
	answer["foreign_tokens"] = foreignAnswer(foreign)
	listed := &logical.Response{Data: answer}
	if unreadable != nil {
		listed.AddWarning("the token of a record that cannot be read may be among them: " + unreadable.Error())
	}
	return listed, nil
}

func (b *backend) addSessionStatus(ctx context.Context, storage logical.Storage, name string, answer map[string]any) error {
	stored, err := readSession(ctx, storage, name)
	if err != nil && !isUnreadable(err) {
		return err
	}
	shown := map[string]any{}
	if stored != nil {
		shown = sessionAnswer(stored)
	}
	for _, field := range sessionStatusFields {
		text, _ := shown[field].(string)
		answer["session_"+field] = text
	}
	return nil
}

// sessionStatusFields are the fields of a session that a role's status repeats.
var sessionStatusFields = []string{"state", "user_id", "created_time", "last_refresh_time", "token_expire_time"}

func (b *backend) addStaticStatus(ctx context.Context, storage logical.Storage, role *loadedRole, answer map[string]any) error {
	answer["last_vault_rotation"], answer["next_vault_rotation"] = "", ""
	if role.RotationPeriod == 0 {
		return nil
	}
	stored, err := readStatic(ctx, storage, role.name)
	if isUnreadable(err) {
		return nil // the next read replaces it
	}
	if err != nil || stored == nil {
		return err
	}
	answer["last_vault_rotation"] = timeText(stored.RotatedAt)
	answer["next_vault_rotation"] = timeText(stored.freshUntil(role))
	return nil
}

func statusAnswerFields() map[string]*framework.FieldSchema {
	field := func(kind framework.FieldType, description string) *framework.FieldSchema {
		return &framework.FieldSchema{Type: kind, Required: true, Description: description}
	}
	return map[string]*framework.FieldSchema{
		"version":                  field(framework.TypeString, "Version of the plugin."),
		"url":                      field(framework.TypeString, "The instance; empty while there is no config."),
		"reachable":                field(framework.TypeBool, "Whether a ProcessMaker answered just now."),
		"breaker":                  field(framework.TypeString, "closed, open (requests are answered without a call), or half_open (one at a time is tried)."),
		"token_requests_remaining": field(framework.TypeInt, "Calls of the token endpoint that are possible now; -1 where nothing is known to limit them."),
		"overdue":                  field(framework.TypeInt, "Credentials that should be dead and are not known to be."),
		"oldest_due":               field(framework.TypeString, "When the oldest of them should have been (RFC 3339)."),
		"unaccounted":              field(framework.TypeInt64, "Tokens that may live and that nothing here knows, since the plugin started."),
		"counters":                 field(framework.TypeMap, "What has happened since the plugin started."),
	}
}

func roleStatusAnswerFields() map[string]*framework.FieldSchema {
	field := func(description string) *framework.FieldSchema {
		return &framework.FieldSchema{Type: framework.TypeString, Required: true, Description: description}
	}
	fields := map[string]*framework.FieldSchema{
		"role":                field("The role."),
		"last_issue_time":     field("When it last handed out a credential (RFC 3339), since the plugin started."),
		"last_error":          field("Why it last failed."),
		"last_error_time":     field("When that was (RFC 3339)."),
		"cure":                field("What to do about it; empty once it works again."),
		"retry_after":         {Type: framework.TypeInt64, Required: true, Description: "Seconds until trying again makes sense; 0 is now."},
		"last_vault_rotation": field("When the shared credential was made (RFC 3339)."),
		"next_vault_rotation": field("When it is to be replaced (RFC 3339)."),
		"foreign_tokens":      {Type: framework.TypeSlice, Description: "With foreign=true: id, name and created_time of each."},
	}
	for _, name := range sessionStatusFields {
		described := *sessionAnswerFields()[name]
		fields["session_"+name] = &described
	}
	return fields
}
