package main

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

const (
	tidyHelpSynopsis = `Ends credentials at ProcessMaker now.`

	tidyHelpDescription = `
Without parameters it ends what is due, which the engine does by itself every
minute. With role=<name> it ends every live credential of that role, with
all=true every one of the mount, whatever their leases say; those leases can
then neither be renewed nor do any harm.

The answer counts what was ended, what could not be, and what is due and
remains. What remains is tried again by itself. A personal access token that may
still be on its way to its reader counts as what could not be; tidy again two
minutes later.
`
)

func (b *backend) tidyPaths() []*framework.Path {
	return []*framework.Path{{
		Pattern:         "tidy",
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    tidyHelpSynopsis,
		HelpDescription: tidyHelpDescription,
		Fields: map[string]*framework.FieldSchema{
			"role": {Type: framework.TypeString, Description: "End every live credential of this role.", DisplayAttrs: display("Role", "")},
			"all":  {Type: framework.TypeBool, Description: "End every live credential of the mount.", DisplayAttrs: display("All", "")},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: &framework.PathOperation{
				Callback: b.tidy,
				Summary:  "End what is due, or every credential of a role or of the mount.",
				Responses: responds("What was done.", map[string]*framework.FieldSchema{
					"ended":         {Type: framework.TypeInt, Required: true, Description: "Credentials that were ended."},
					"failed":        {Type: framework.TypeInt, Required: true, Description: "Credentials that could not be ended now."},
					"remaining_due": {Type: framework.TypeInt, Required: true, Description: "Credentials that are due and remain."},
				}),
				DisplayAttrs:              &framework.DisplayAttributes{OperationVerb: "tidy"},
				ForwardPerformanceStandby: true,
			},
		},
	}}
}

func (b *backend) tidy(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	defer b.inflight.Join()()
	role, all := data.Get("role").(string), data.Get("all").(bool)
	switch {
	case role != "" && all:
		return logical.ErrorResponse("give role or all, not both"), nil
	case role == "" && !all:
		cursor, err := ledger.ReadCursor(ctx, req.Storage, b.clock.Now())
		if err != nil {
			return nil, err
		}
		due, err := b.sweep(ctx, req.Storage, cursor)
		if err != nil {
			return nil, err
		}
		resp := tidied(due, due.failed)
		if !due.caughtUp {
			resp.AddWarning("the pass was cut short; what remains is not counted in full and is tried again by itself")
		}
		return resp, nil
	}
	ids, err := ledger.All(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	now := b.clock.Now()
	remaining := 0
	report := b.endAll(ctx, req.Storage, ids, newTokenFinder(), func(record *ledger.Record) bool { return all || record.Role == role })
	if report.failed > 0 {
		left, err := ledger.All(ctx, req.Storage)
		if err != nil {
			return nil, err
		}
		for _, id := range left {
			if !id.Deadline().After(now) {
				remaining++
			}
		}
	}
	return tidied(report, remaining), nil
}

func tidied(report sweepReport, remainingDue int) *logical.Response {
	resp := &logical.Response{Data: map[string]any{
		"ended":         report.ended,
		"failed":        report.failed,
		"remaining_due": remainingDue,
	}}
	if report.unreadable != nil {
		resp.AddWarning(report.unreadable.Error())
	}
	return resp
}
