package main

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/reaper"
	"vault-plugin-secrets-processmaker/internal/problem"
)

const tidyHelp = `
Without parameters it ends what is due, which the engine does by itself every
minute. With role=<name> it ends every live credential of that role, with
all=true every one of the mount, whatever their leases say; those leases can
then neither be renewed nor do any harm.

The answer counts what was ended, what could not be, and what is due and
remains. What remains is tried again by itself. A personal access token that may
still be on its way to its reader counts as what could not be; tidy again two
minutes later.
`

func (b *backend) tidyPaths() []*framework.Path {
	fields := map[string]*framework.FieldSchema{
		"role": {Type: framework.TypeString, Description: "End every live credential of this role.", DisplayAttrs: display("Role", "")},
		"all":  {Type: framework.TypeBool, Description: "End every live credential of the mount.", DisplayAttrs: display("All", "")},
	}
	answer := map[string]*framework.FieldSchema{
		"ended":         always(framework.TypeInt, "Credentials that were ended."),
		"failed":        always(framework.TypeInt, "Credentials that could not be ended now."),
		"remaining_due": always(framework.TypeInt, "Credentials that are due and remain."),
	}
	return []*framework.Path{path("tidy", `Ends credentials at ProcessMaker now.`, tidyHelp, fields, map[logical.Operation]framework.OperationHandler{
		logical.UpdateOperation: onActive(b.tidy, named{verb: "tidy"}, "End what is due, or every credential of a role or of the mount.", responds("What was done.", answer)),
	})}
}

func (b *backend) tidy(ctx context.Context, _ *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	name, all := data.Get("role").(string), data.Get("all").(bool)
	switch {
	case name != "" && all:
		return nil, problem.Refusef("give role or all, not both")
	case name == "" && !all:
		due, err := b.engine.Reaper.Sweep(ctx)
		if err != nil {
			return nil, err
		}
		resp := tidied(due, due.Failed)
		if !due.CaughtUp {
			resp.AddWarning("the pass was cut short; what remains is not counted in full and is tried again by itself")
		}
		return resp, nil
	}
	report, err := b.engine.Reaper.EndMatching(ctx, func(record *ledger.Record) bool { return all || record.Role == name })
	if err != nil {
		return nil, err
	}
	remaining := 0
	if report.Failed > 0 {
		if remaining, err = b.engine.Ledger.CountDue(ctx); err != nil {
			return nil, err
		}
	}
	return tidied(report, remaining), nil
}

func tidied(report reaper.Report, remainingDue int) *logical.Response {
	resp := &logical.Response{Data: map[string]any{
		"ended":         report.Ended,
		"failed":        report.Failed,
		"remaining_due": remainingDue,
	}}
	if report.Unreadable != nil {
		resp.AddWarning(report.Unreadable.Error())
	}
	return resp
}
