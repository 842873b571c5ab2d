package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

const (
	credentialHelpSynopsis = `Who has a credential, and until when.`

	credentialHelpDescription = `
The credential_id stands in the answer that handed the token out, in its lease,
in the name of a personal access token at ProcessMaker, and in the audit log
once the mount is tuned for it. Reading says whose the credential is, never its
token. What is not found was ended already.
`

	credentialRevokeHelpSynopsis    = `Ends a credential at ProcessMaker at once, whatever its lease says.`
	credentialRevokeHelpDescription = `
For incident response: the token is ended at ProcessMaker now. Its lease can
then neither be renewed nor do any harm, and goes at its own end.

A record whose storage entry is damaged cannot be ended with, and stays overdue.
force=true drops it: the token is not ended then, and lives on at ProcessMaker,
up to a year from its issue, unless it is ended there. Where the record can be
read, force=true changes nothing.
`
)

func (b *backend) credentialPaths() []*framework.Path {
	id := "(?P<credential_id>[0-9a-v]+)"
	fields := map[string]*framework.FieldSchema{
		"credential_id": {Type: framework.TypeString, Required: true, Description: "Id of the credential.", DisplayAttrs: display("Credential ID", "")},
	}
	return []*framework.Path{{
		Pattern:         "credentials/" + id,
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    credentialHelpSynopsis,
		HelpDescription: credentialHelpDescription,
		Fields:          fields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: &framework.PathOperation{
				Callback:                  b.readCredential,
				Summary:                   "Look a credential up by its id, without its token.",
				Responses:                 responds("The credential.", recordAnswerFields()),
				DisplayAttrs:              &framework.DisplayAttributes{OperationVerb: "look-up", OperationSuffix: "credential"},
				ForwardPerformanceStandby: true,
			},
		},
	}, {
		Pattern:         "credentials/" + id + "/revoke",
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    credentialRevokeHelpSynopsis,
		HelpDescription: credentialRevokeHelpDescription,
		Fields: map[string]*framework.FieldSchema{
			"credential_id": fields["credential_id"],
			"force":         {Type: framework.TypeBool, Description: "Drop a record that cannot be read; its token is not ended.", DisplayAttrs: display("Force", "")},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: &framework.PathOperation{
				Callback:                  b.revokeCredential,
				Summary:                   "End a credential at ProcessMaker at once.",
				Responses:                 respondsEmpty(),
				DisplayAttrs:              &framework.DisplayAttributes{OperationVerb: "revoke", OperationSuffix: "credential"},
				ForwardPerformanceStandby: true,
			},
		},
	}}
}

func (b *backend) readCredential(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	id, err := ledger.ParseID(data.Get("credential_id").(string))
	if err != nil {
		return logical.ErrorResponse(err.Error()), nil
	}
	record, err := b.findCredential(ctx, req.Storage, id)
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
		"issue_time":      record.IssueTime.UTC().Format(time.RFC3339),
		"deadline":        record.Deadline.UTC().Format(time.RFC3339),
	}}, nil
}

// findCredential returns the record of a credential under the id that it was
// handed out with. One that was put down as due has another id since, which is
// looked for among what is due.
func (b *backend) findCredential(ctx context.Context, storage logical.Storage, id ledger.ID) (*ledger.Record, error) {
	record, err := ledger.Get(ctx, storage, id)
	if err != nil || record != nil {
		return record, err
	}
	record, err = b.findDue(ctx, storage, func(record *ledger.Record) bool { return record.FormerID == id })
	if unreadableRecord(err) != nil {
		err = logical.CodedError(http.StatusNotFound, fmt.Sprintf("credential %s was not found; it was ended already, the id is mistyped, or it is what cannot be read: %s", id, err))
	}
	return record, err
}

// holdCredential returns the record of a credential with its lock, or nil where
// there is none. One that was put down as due while the lock was waited for is
// looked for again.
func (b *backend) holdCredential(ctx context.Context, storage logical.Storage, asked ledger.ID) (record *ledger.Record, unlock func(), err error) {
	for {
		found, err := b.findCredential(ctx, storage, asked)
		if err != nil || found == nil {
			return nil, nil, err
		}
		unlock, err := b.lockRecord(ctx, ctx, found.ID)
		if err != nil {
			return nil, nil, err
		}
		record, err := ledger.Get(ctx, storage, found.ID)
		if err == nil && record != nil {
			return record, unlock, nil
		}
		unlock()
		if err != nil {
			return nil, nil, err
		}
	}
}

func (b *backend) revokeCredential(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	defer b.inflight.Join()()
	id, err := ledger.ParseID(data.Get("credential_id").(string))
	if err != nil {
		return logical.ErrorResponse(err.Error()), nil
	}
	record, unlock, err := b.holdCredential(ctx, req.Storage, id)
	if bad := unreadableRecord(err); bad != nil && bad.Damaged && bad.ID == id && data.Get("force").(bool) {
		return b.dropUnreadableRecord(ctx, req.Storage, id)
	}
	if err != nil {
		return nil, err
	}
	if record == nil {
		// Not a silent success: who mistypes an id must not think a token dead.
		return nil, logical.CodedError(http.StatusNotFound, fmt.Sprintf("there is no credential %s: it was ended already, or the id is mistyped", id))
	}
	defer unlock()
	read := b.clock.Now()
	if err := b.end(ctx, req.Storage, record, heldToken(record), record.AccessToken != "", newTokenFinder()); err != nil {
		return upstreamAnswer(err.Error(), err)
	}
	err = b.forgetRecord(ctx, req.Storage, record, read)
	if errors.Is(err, errOvertaken) {
		return nil, logical.CodedError(http.StatusConflict, fmt.Sprintf("credential %s still lives: %s", id, err))
	}
	if err != nil {
		return nil, err
	}
	b.forgetShared(ctx, req.Storage, record)
	b.forgetTrouble(record.ID)
	b.notice(hclog.Info, credsRevoked, aboutRecord(record), "credential ended on demand")
	return nil, nil
}

// dropUnreadableRecord forgets a credential whose token nobody here can end any
// more.
func (b *backend) dropUnreadableRecord(ctx context.Context, storage logical.Storage, id ledger.ID) (*logical.Response, error) {
	unlock, err := b.lockRecord(ctx, ctx, id)
	if err != nil {
		return nil, err
	}
	defer unlock()
	_, why := ledger.Get(ctx, storage, id)
	if bad := unreadableRecord(why); bad == nil || !bad.Damaged {
		return nil, logical.CodedError(http.StatusConflict, fmt.Sprintf("the record of credential %s was changed at the same time; nothing was dropped, try again", id))
	}
	if err := ledger.Delete(ctx, storage, id); err != nil {
		return nil, err
	}
	b.forgetSharedID(ctx, storage, id)
	b.forgetTrouble(id)
	b.notice(hclog.Warn, ledgerUnaccounted, about{path: "credentials/" + string(id), id: id}, "a record that cannot be read was dropped; its token lives on unless it is ended in ProcessMaker", "error", why)
	resp := &logical.Response{}
	resp.AddWarning(fmt.Sprintf("the record was dropped and the token of credential %s was not ended: it lives up to a year from its issue. "+
		"A personal access token is named \"vault:%s:<role>:%s\" in ProcessMaker, and status/<role> foreign=true lists it: delete it there. "+
		"That of a login has no name: end those of its auth client with \"php artisan processmaker:revoke-oauth-access-tokens\" on ProcessMaker's server", id, b.shortMountID(), id))
	return resp, nil
}

func recordAnswerFields() map[string]*framework.FieldSchema {
	field := func(description string) *framework.FieldSchema {
		return &framework.FieldSchema{Type: framework.TypeString, Required: true, Description: description}
	}
	return map[string]*framework.FieldSchema{
		"credential_id":   field("The id."),
		"state":           field("live, or due: to be ended at once."),
		"role":            field("The role."),
		"credential_type": field("What kind of token it is."),
		"renew_mode":      field("What renewing its lease does."),
		"shared":          {Type: framework.TypeBool, Required: true, Description: "Whether it has no lease and more than one reader."},
		"client_id":       field("Auth client that it was made through."),
		"user_id":         field("ProcessMaker's number of the user whose rights it has."),
		"username":        field("Name of that user."),
		"token_id":        field("ProcessMaker's id of the token; empty for a personal access token, which is known by its name."),
		"token_name":      field("Name of a personal access token at ProcessMaker; empty for others."),
		"entity_id":       field("Vault entity that it was handed out to."),
		"display_name":    field("Vault's display name of the token that read it."),
		"issue_time":      field("When it was handed out (RFC 3339)."),
		"deadline":        field("When it is dead whatever happens (RFC 3339)."),
	}
}
