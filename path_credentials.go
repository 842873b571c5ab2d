package main

import (
	"context"
	"fmt"

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
token. What is not found was ended already.
`

const credentialRevokeHelp = `
For incident response: the token is ended at ProcessMaker now. Its lease can
then neither be renewed nor do any harm, and goes at its own end.

A record stays overdue where its storage entry is damaged, where its token lives
at another url, or where it is known by name alone and no role is left to look it
up with. force=true drops such a record: the token is not ended then, and lives
on at ProcessMaker, up to a year from its issue, unless it is ended there. Where
the credential can be ended, force=true changes nothing.
`

func (b *backend) credentialPaths() []*framework.Path {
	const pattern = "credentials/(?P<credential_id>[0-9a-v]+)"
	id := &framework.FieldSchema{Type: framework.TypeString, Required: true, Description: "Id of the credential.", DisplayAttrs: display("Credential ID", "")}
	force := &framework.FieldSchema{Type: framework.TypeBool, Description: "Drop a record that cannot be read, or that nobody can look up; its token is not ended.", DisplayAttrs: display("Force", "")}
	return []*framework.Path{
		path(pattern, `Who has a credential, and until when.`, credentialHelp, map[string]*framework.FieldSchema{"credential_id": id}, map[logical.Operation]framework.OperationHandler{
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
	if err != nil || record == nil {
		return nil, err
	}
	return &logical.Response{Data: map[string]any{
		"credential_id":   string(id),
		"state":           string(record.State),
		"role":            record.Role,
		"credential_type": record.Fingerprint.CredentialType,
		"renew_mode":      record.RenewMode,
		"shared":          record.Shared,
		"client_id":       record.Fingerprint.ClientID,
		"user_id":         record.UserID,
		"username":        record.Username,
		"token_id":        record.TokenID,
		"token_name":      record.TokenName,
		"entity_id":       record.EntityID,
		"display_name":    record.DisplayName,
		"issue_time":      timeText(record.IssueTime),
		"deadline":        timeText(record.Deadline),
	}}, nil
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
	if err := b.engine.Reaper.Drop(ctx, id); err != nil {
		return nil, err
	}
	return warned(fmt.Sprintf("the record was dropped and the token of credential %s was not ended: it lives up to a year from its issue. "+
		"A personal access token is named \"%s\" in ProcessMaker, and status/<role> foreign=true lists it: delete it there. "+
		"That of a login has no name: end those of its auth client with \"php artisan processmaker:revoke-oauth-access-tokens\" on ProcessMaker's server", id, ledger.TokenName(b.engine.Ledger.Mount(), "<role>", id))), nil
}

func recordAnswerFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"credential_id":   alwaysText("The id."),
		"state":           alwaysText("live, or due: to be ended at once."),
		"role":            alwaysText("The role."),
		"credential_type": alwaysText("What kind of token it is."),
		"renew_mode":      alwaysText("What renewing its lease does."),
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
	}
}
