package main

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/reaper"
	"vault-plugin-secrets-processmaker/internal/problem"
)

const credentialHelp = `
The credential_id stands in the answer that handed the token out, in its lease,
in the name of a personal access token at ProcessMaker, and in the audit log
once the mount is tuned for it. Reading says whose the credential is, never its
token. A credential that is not found was ended, its id is mistyped, or it was handed
out after the backup that Vault's storage was restored from.
`

const credentialListHelp = `
Credentials come in the order of their ids, which is that of their deadlines to
the minute. role, username, user_id and entity_id leave out what does not match
all that are given. A page with more behind it warns, and says which "after" to
ask for next. "vault list -detailed <mount>/credentials" shows the first page,
"vault read <mount>/credentials list=true role=ci" takes parameters.

It looks at every record of the mount: it is for operators, not for readers.
`

const credentialsRevokeHelp = `
For incident response: every credential that matches all of role, username,
user_id and entity_id that are given, or with all=true every one of the mount,
is ended at ProcessMaker now, with whatever else bears its name. Their leases can
then neither be renewed nor do any harm, and go at their own end. dry_run=true
only counts them.

The answer counts the credentials that matched, that were ended and that failed,
with the reasons of the first 20 failures. A credential that failed stays: call
again, or leave it to its lease and its deadline. A personal access token that may
still be on its way to its reader fails; call again two minutes later.

For example:

    vault write <mount>/credentials/revoke role=ci
`

const credentialRevokeHelp = `
For incident response: the token is ended at ProcessMaker now. Its lease can
then neither be renewed nor do any harm, and goes at its own end.

A record stays overdue where its storage entry is damaged, where its token lives
at another url, or where it is known by name alone and no role is left to look it
up with. force=true drops such a record: the token is not ended then, and lives
on at ProcessMaker, up to a year from its issue, unless it is ended there. Where
the credential can be ended, force=true changes nothing.

For example:

    vault write -f <mount>/credentials/0sh40jd4tpoi5dbcoke41r/revoke
`

func (b *backend) credentialPaths() []*framework.Path {
	const pattern = "credentials/(?P<credential_id>[0-9a-v]+)"
	id := &framework.FieldSchema{Type: framework.TypeString, Required: true, Description: "ID of the credential. Example: 0sh40jd4tpoi5dbcoke41r", DisplayAttrs: display("Credential ID", "")}
	force := &framework.FieldSchema{Type: framework.TypeBool, Description: "Drop a record that cannot be read, or that nobody can look up; its token is not ended.", DisplayAttrs: display("Force", "")}
	selection := selectionFields()
	listing := maps.Clone(selection)
	listing["after"] = &framework.FieldSchema{Type: framework.TypeString, Query: true, Description: "ID after which the page begins. Default: the first page. Example: after=0sh40jd4tpoi5dbcoke41r", DisplayAttrs: display("After", "")}
	listing["limit"] = &framework.FieldSchema{Type: framework.TypeInt, Query: true, Default: usualPage, Description: "How many credentials a page holds, 1 to 10000. Example: limit=100", DisplayAttrs: display("Limit", "")}
	revoking := maps.Clone(selection)
	revoking["all"] = &framework.FieldSchema{Type: framework.TypeBool, Description: "Every credential of the mount.", DisplayAttrs: display("All", "")}
	revoking["dry_run"] = &framework.FieldSchema{Type: framework.TypeBool, Description: "Count them, and end none.", DisplayAttrs: display("Dry run", "")}
	return []*framework.Path{
		path("credentials/?$", `Lists the credentials that live, and to whom they were handed out.`, credentialListHelp, listing, map[logical.Operation]framework.OperationHandler{
			logical.ListOperation: onActive(b.listCredentials, named{"list", "credentials"}, "List the credentials that live.", responds("The credentials.", map[string]*framework.FieldSchema{
				"keys":     {Type: framework.TypeStringSlice, Description: "Ids of the credentials."},
				"key_info": {Type: framework.TypeMap, Description: "By id, the facts of each but its token."},
			})),
		}),
		// Before the path of one credential, whose pattern it fits.
		path("credentials/revoke", `Ends every credential of a role, a user or an entity at once.`, credentialsRevokeHelp, revoking, map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: onActive(b.revokeCredentials, named{"revoke", "credentials"}, "End every credential of a role, a user, an entity or the mount at once.", responds("The counts.", revokedAnswerFields())),
		}),
		path(pattern, `Shows to whom a credential was handed out, and its deadline.`, credentialHelp, map[string]*framework.FieldSchema{"credential_id": id}, map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: onActive(b.readCredential, named{"look-up", "credential"}, "Look a credential up by its id, without its token.", responds("The credential.", recordAnswerFields())),
		}),
		path(pattern+"/revoke", `Ends a credential at ProcessMaker at once, whatever its lease says.`, credentialRevokeHelp, map[string]*framework.FieldSchema{"credential_id": id, "force": force}, map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: onActive(b.revokeCredential, named{"revoke", "credential"}, "End a credential at ProcessMaker at once.", respondsEmpty()),
		}),
	}
}

func credentialID(data *framework.FieldData) (ledger.ID, error) {
	id, err := ledger.ParseID(data.Get("credential_id").(string))
	if err != nil {
		return "", problem.Refusef("%s", err)
	}
	return id, nil
}

func (b *backend) readCredential(ctx context.Context, _ *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	id, err := credentialID(data)
	if err != nil {
		return nil, err
	}
	record, err := b.engine.Reaper.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	answer := b.inventoryFacts(record, b.engine.Credentials.Attempts.Why(record.ID))
	answer["credential_id"] = string(id)
	answer["credential_type"] = record.Fingerprint.CredentialType
	answer["shared"] = record.Shared
	answer["client_id"] = record.Fingerprint.ClientID
	answer["token_id"] = record.TokenID
	answer["token_name"] = record.TokenName
	return &logical.Response{Data: answer}, nil
}

// inventoryFacts are what a listing says of a credential; why is the last failure to end it.
func (b *backend) inventoryFacts(record *ledger.Record, why error) map[string]any {
	facts := map[string]any{
		"state":        string(record.State),
		"role":         record.Role,
		"renew_mode":   record.RenewMode,
		"user_id":      record.UserID,
		"username":     record.Username,
		"entity_id":    record.EntityID,
		"display_name": record.DisplayName,
		"issue_time":   timeText(record.IssueTime),
		"deadline":     timeText(record.Deadline),
		"last_error":   "",
	}
	if why != nil {
		facts["last_error"] = b.told(why.Error())
	}
	return facts
}

const (
	usualPage   = 1000
	largestPage = 10000
)

func selectionFields() map[string]*framework.FieldSchema {
	field := func(name, description string) *framework.FieldSchema {
		return &framework.FieldSchema{Type: framework.TypeString, Query: true, Description: description, DisplayAttrs: display(name, "")}
	}
	return map[string]*framework.FieldSchema{
		"role":      field("Role", "Only credentials of this role. Default: every role. Example: role=ci"),
		"username":  field("User name", "Only credentials of the ProcessMaker user of this name. Default: every user. Example: username=vault-ci"),
		"user_id":   field("User ID", "Only credentials of the ProcessMaker user of this number. Default: every user. Example: user_id=7"),
		"entity_id": field("Entity ID", "Only credentials that were handed out to this Vault entity. Default: every entity. Example: entity_id=37f4fbcf-8d1c-0f2b-8a0e-2f4d2a9f5a51"),
	}
}

func selected(data *framework.FieldData) reaper.Selection {
	text := func(name string) string { return data.Get(name).(string) }
	return reaper.Selection{Role: text("role"), Username: text("username"), UserID: text("user_id"), EntityID: text("entity_id")}
}

func (b *backend) listCredentials(ctx context.Context, _ *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	after, limit := ledger.ID(data.Get("after").(string)), data.Get("limit").(int)
	if after != "" {
		if _, err := ledger.ParseID(string(after)); err != nil {
			return nil, problem.Refusef("after: %s", err)
		}
	}
	if limit < 1 || limit > largestPage {
		return nil, problem.Refusef("field \"limit\" expects a whole number from 1 to %d, such as 100", largestPage)
	}
	page, next, err := b.engine.Reaper.Inventory(ctx, selected(data), after, limit)
	if err != nil {
		return nil, err
	}
	ids, facts := make([]string, 0, len(page)), make(map[string]any, len(page))
	for _, one := range page {
		ids = append(ids, string(one.ID))
		if one.Record == nil {
			facts[string(one.ID)] = map[string]any{"state": "unreadable", "last_error": b.told(one.Why.Error())}
			continue
		}
		facts[string(one.ID)] = b.inventoryFacts(one.Record, one.Why)
	}
	resp := logical.ListResponseWithInfo(ids, facts)
	if next != "" {
		resp.AddWarning(fmt.Sprintf("there may be more: the next page is that with after=%s", next))
	}
	return resp, nil
}

func (b *backend) revokeCredentials(ctx context.Context, _ *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	chosen, all := selected(data), data.Get("all").(bool)
	if all == (chosen != reaper.Selection{}) {
		return nil, problem.Refusef("give role, username, user_id or entity_id, for example role=ci, or all=true alone")
	}
	report, err := b.engine.Reaper.EndSelected(ctx, chosen, data.Get("dry_run").(bool))
	if err != nil {
		return nil, err
	}
	resp := b.endedAnswer(report)
	resp.Data["matched"] = report.Matched
	if report.Failed > 0 {
		resp.AddWarning(fmt.Sprintf("%d credentials could not be ended and may still live; failures says why", report.Failed))
	}
	if report.Cut {
		resp.AddWarning("the time was up before all credentials were looked at: call again")
	}
	return resp, nil
}

// endedAnswer tells what a pass over credentials did.
func (b *backend) endedAnswer(report reaper.Report) *logical.Response {
	failures := make([]map[string]any, 0, len(report.Failures))
	for _, failure := range report.Failures {
		failures = append(failures, map[string]any{"credential_id": string(failure.ID), "role": failure.Role, "reason": b.told(failure.Why.Error())})
	}
	resp := &logical.Response{Data: map[string]any{"ended": report.Ended, "failed": report.Failed, "failures": failures}}
	if report.Unreadable != nil {
		resp.AddWarning(report.Unreadable.Error())
	}
	return resp
}

func endedAnswerFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"ended":    always(framework.TypeInt, "Credentials that were ended."),
		"failed":   always(framework.TypeInt, "Credentials that could not be ended now."),
		"failures": always(framework.TypeSlice, "credential_id, role and reason of the first 20 of those."),
	}
}

func revokedAnswerFields() map[string]*framework.FieldSchema {
	fields := endedAnswerFields()
	fields["matched"] = always(framework.TypeInt, "Credentials that were to be ended; with dry_run, that would be.")
	return fields
}

func (b *backend) revokeCredential(ctx context.Context, _ *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	id, err := credentialID(data)
	if err != nil {
		return nil, err
	}
	err = b.engine.Reaper.EndNow(ctx, id)
	if !reaper.CanDrop(err, id) || !data.Get("force").(bool) {
		return nil, err
	}
	role := "<role>" // of a record that cannot be read
	if record, err := b.engine.Reaper.Find(ctx, id); err == nil {
		role = record.Role
	}
	if err := b.engine.Reaper.Drop(ctx, id); err != nil {
		return nil, err
	}
	return warned(fmt.Sprintf("the record was dropped and the token of credential %s was not ended: it lives up to a year from its issue. "+
		"A personal access token is named \"%s\" in ProcessMaker, and \"vault read %sstatus/%s unmanaged=true\" lists it: delete it there. "+
		"That of a login has no name: end those of its auth client with \"php artisan processmaker:revoke-oauth-access-tokens\" on ProcessMaker's server", id, ledger.TokenName(b.engine.Ledger.Mount(), role, id), problem.Mount, role)), nil
}

func recordAnswerFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"credential_id":   alwaysText("The id."),
		"state":           alwaysText("live, or due: to be ended at once."),
		"role":            alwaysText("The role."),
		"credential_type": alwaysText("Kind of the token."),
		"renew_mode":      alwaysText("Effect of a renewal of its lease."),
		"shared":          always(framework.TypeBool, "Whether it has no lease and more than one reader."),
		"client_id":       alwaysText("Auth client that it was made through."),
		"user_id":         alwaysText("ProcessMaker's number of the user whose rights it has."),
		"username":        alwaysText("Name of that user."),
		"token_id":        alwaysText("ProcessMaker's id of the token; empty for a personal access token, which is known by its name."),
		"token_name":      alwaysText("Name of a personal access token at ProcessMaker; empty for others."),
		"entity_id":       alwaysText("Vault entity that it was handed out to."),
		"display_name":    alwaysText("Vault's display name of the token that read it."),
		"issue_time":      alwaysText("When it was handed out (RFC 3339)."),
		"deadline":        alwaysText("When it is dead whatever happens (RFC 3339)."),
		"last_error":      alwaysText("Why the last attempt to end it failed, since the plugin started."),
	}
}
