package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

const statusHelp = `
"reachable" asks ProcessMaker now, in one call that needs no login and counts
against no limit. "overdue" counts credentials whose deadline is over and whose
end ProcessMaker has not confirmed; they are tried again every minute.
"unaccounted" counts tokens that may live and that no record knows: logins
and refreshes whose answer was lost, and tokens that could neither be stored nor
ended. It counts possible tokens, not proved ones.

Counters, and what is told of a role, count from the start of the plugin on the
node that answers.

For example:

    vault read <mount>/status
`

const roleStatusHelp = `
With unmanaged=true the answer also lists the personal access tokens of the
role's user that no record of this mount knows: a token can make others, which do
not end with it, and a restored backup knows none that were made after it. All
tokens of one name are listed where there is more than one. They are only listed.
For a role that hands out access tokens, this costs one login.

For example:

    vault read <mount>/status/jobs unmanaged=true
`

var statusCounters = []string{
	telemetry.CredsCreated, telemetry.CredsCreateFailed, telemetry.CredsRenewed, telemetry.CredsRenewFailed, telemetry.CredsRevoked, telemetry.CredsRevokeFailed,
	telemetry.SessionStarted, telemetry.SessionRenewed, telemetry.SessionLost, telemetry.LedgerEnded, telemetry.LedgerEndFailed, telemetry.LedgerDue,
}

func (b *backend) statusPaths() []*framework.Path {
	fields := map[string]*framework.FieldSchema{
		"name":      nameField(display("Role", "")),
		"unmanaged": {Type: framework.TypeBool, Query: true, Description: "Also list the personal access tokens of the role's user that no record knows, and all tokens of one name where there is more than one.", DisplayAttrs: display("Unmanaged tokens", "")},
	}
	return []*framework.Path{
		path("status", `Shows the state of the mount and of its ProcessMaker, without secrets.`, statusHelp, nil, map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: onActive(b.readStatus, named{"read", "status"}, "Read how the mount and its ProcessMaker are.", responds("The state of the mount.", statusAnswerFields())),
		}),
		path("status/"+framework.GenericNameRegex("name"), `Shows whether a role's sign-ins work, and the cure where they do not.`, roleStatusHelp, fields, map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: onActive(b.readRoleStatus, named{"read", "role-status"}, "Read how a role's sign-ins go.", responds("The state of the role.", roleStatusAnswerFields())),
		}),
	}
}

func (b *backend) readStatus(ctx context.Context, _ *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	resp := &logical.Response{Data: map[string]any{
		"version":                  version,
		"url":                      "",
		"reachable":                false,
		"breaker":                  string(client.Closed),
		"token_requests_remaining": client.NoTokenLimit,
		"unaccounted":              b.engine.Report.Counted(telemetry.LedgerUnaccounted),
		"counters":                 b.countersAnswer(),
	}}
	if err := b.addOverdue(ctx, resp); err != nil {
		return nil, err
	}
	inst, err := b.engine.Instances.Current(ctx)
	switch {
	case err != nil:
		return nil, err
	case inst == nil:
		resp.AddWarning("this mount has no config")
		return resp, nil
	case inst.Config.Deleted:
		resp.AddWarning("the config was deleted; what is needed to end live credentials is kept until they are ended")
	}
	resp.Data["url"] = inst.Config.URL
	err = inst.Client.Probe(ctx)
	resp.Data["reachable"] = err == nil
	if err != nil {
		resp.AddWarning("not reachable: " + err.Error())
	}
	condition := inst.Client.Condition()
	resp.Data["breaker"] = string(condition.Breaker)
	resp.Data["token_requests_remaining"] = condition.TokenRequestsRemaining
	return resp, nil
}

func (b *backend) addOverdue(ctx context.Context, resp *logical.Response) error {
	late, err := b.engine.Ledger.Overdue(ctx)
	if err != nil {
		return err
	}
	resp.Data["overdue"], resp.Data["oldest_due"], resp.Data["overdue_reason"] = len(late.IDs), timeText(late.Oldest), ""
	if len(late.IDs) > 0 {
		if why := b.engine.Credentials.Attempts.Why(slices.Min(late.IDs)); why != nil {
			resp.Data["overdue_reason"] = b.told(why.Error())
		}
	}
	if !late.Complete {
		resp.AddWarning("there is more overdue than was counted")
	}
	var unreadable int
	var why error
	for _, id := range late.IDs {
		if err := b.engine.Credentials.Attempts.WhyHopeless(id); err != nil {
			unreadable, why = unreadable+1, err
		}
	}
	if unreadable > 0 {
		resp.AddWarning(fmt.Sprintf("what is overdue cannot be ended where its record cannot be read (%d of it, one is this): %s", unreadable, why))
	}
	return nil
}

func (b *backend) countersAnswer() map[string]any {
	answer := map[string]any{"events_dropped": b.engine.Report.EventsDropped()}
	for _, name := range statusCounters {
		answer[strings.ReplaceAll(name, "-", "_")] = b.engine.Report.Counted(name)
	}
	return answer
}

func (b *backend) readRoleStatus(ctx context.Context, _ *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	entry, err := b.engine.Roles.Get(ctx, data.Get("name").(string))
	if err != nil || entry == nil {
		return nil, err
	}
	condition := b.engine.Report.Health.Of(entry.Name).Condition()
	answer := map[string]any{
		"role":                    entry.Name,
		"last_issue_time":         timeText(condition.LastIssue),
		"last_error":              b.told(condition.LastError),
		"last_error_time":         timeText(condition.LastErrorTime),
		"cure":                    b.told(condition.Cure),
		"next_password_rotation":  timeText(entry.NextPasswordRotation()),
		"password_rotation_error": b.told(condition.PasswordError),
		"retry_after":             max(int64(condition.RetryAt.Sub(b.clock.Now())/time.Second), 0),
	}
	if err := b.addSessionStatus(ctx, entry.Name, answer); err != nil {
		return nil, err
	}
	if err := b.addStaticStatus(ctx, entry, answer); err != nil {
		return nil, err
	}
	resp := &logical.Response{Data: answer}
	if data.Get("unmanaged").(bool) {
		return resp, b.addUnmanaged(ctx, entry.Name, resp)
	}
	return resp, nil
}

func (b *backend) addUnmanaged(ctx context.Context, name string, resp *logical.Response) error {
	bound, err := b.engine.Roles.Bind(ctx, name)
	if err != nil {
		return err
	}
	found, err := b.engine.Reaper.Unmanaged(ctx, bound)
	if err != nil {
		return fmt.Errorf("role %q: %w", name, token.Explain(bound, err, b.clock.Now()))
	}
	tokens := make([]map[string]any, 0, len(found.Tokens))
	for _, token := range found.Tokens {
		tokens = append(tokens, map[string]any{"id": token.ID, "name": token.Name, "created_time": timeText(token.CreatedTime)})
	}
	resp.Data["unmanaged_tokens"] = tokens
	if found.Unreadable != nil {
		resp.AddWarning("the token of a record that cannot be read may be among them: " + found.Unreadable.Error())
	}
	return nil
}

func (b *backend) addSessionStatus(ctx context.Context, name string, answer map[string]any) error {
	stored, err := b.engine.Sessions.Get(ctx, name)
	if err != nil && !store.IsUnreadable(err) {
		return err
	}
	shown := map[string]any{}
	if stored != nil {
		shown = b.sessionAnswer(stored)
	}
	for _, field := range sessionStatusFields {
		text, _ := shown[field].(string)
		answer["session_"+field] = text
	}
	return nil
}

func (b *backend) addStaticStatus(ctx context.Context, entry *role.Entry, answer map[string]any) error {
	answer["last_vault_rotation"], answer["next_vault_rotation"] = "", ""
	if entry.RotationPeriod == 0 {
		return nil
	}
	stored, err := b.engine.Credentials.GetShared(ctx, entry.Name)
	if store.IsUnreadable(err) {
		return nil // the next read replaces it
	}
	if err != nil || stored == nil {
		return err
	}
	answer["last_vault_rotation"] = timeText(stored.RotatedAt)
	answer["next_vault_rotation"] = timeText(stored.FreshUntil(&entry.Role))
	return nil
}

func statusAnswerFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"version":                  alwaysText("Version of the plugin."),
		"url":                      alwaysText("The instance; empty while there is no config."),
		"reachable":                always(framework.TypeBool, "Whether a ProcessMaker answered just now."),
		"breaker":                  alwaysText("closed, open (requests are answered without a call), or half_open (one at a time is tried)."),
		"token_requests_remaining": always(framework.TypeInt, "Calls of the token endpoint that are possible now; -1 where nothing is known to limit them."),
		"overdue":                  always(framework.TypeInt, "Credentials whose deadline is over and whose end ProcessMaker has not confirmed."),
		"oldest_due":               alwaysText("Deadline of the oldest of them (RFC 3339)."),
		"overdue_reason":           alwaysText("Why the latest try to end the oldest of them failed, since the plugin started."),
		"unaccounted":              always(framework.TypeInt64, "Tokens that may live and that no record knows, since the plugin started."),
		"counters":                 always(framework.TypeMap, "Counts of the operations since the plugin started."),
	}
}

func roleStatusAnswerFields() map[string]*framework.FieldSchema {
	fields := map[string]*framework.FieldSchema{
		"role":                    alwaysText("The role."),
		"last_issue_time":         alwaysText("When it last handed out a credential (RFC 3339), since the plugin started."),
		"last_error":              alwaysText("Why it last failed."),
		"last_error_time":         alwaysText("When that was (RFC 3339)."),
		"cure":                    alwaysText("What to do about it; empty once it works again."),
		"retry_after":             always(framework.TypeInt64, "Seconds until trying again makes sense; 0 is now."),
		"next_password_rotation":  alwaysText("When the role's password is due for a rotation by schedule (RFC 3339); empty without one."),
		"password_rotation_error": alwaysText("Why the latest rotation of the password by schedule failed, since the plugin started."),
		"last_vault_rotation":     alwaysText("When the shared credential was made (RFC 3339)."),
		"next_vault_rotation":     alwaysText("When it is to be replaced (RFC 3339)."),
		"unmanaged_tokens":        {Type: framework.TypeSlice, Description: "With unmanaged=true: id, name and created_time of each."},
	}
	for _, name := range sessionStatusFields {
		described := *sessionAnswerFields()[name]
		fields["session_"+name] = &described
	}
	return fields
}
