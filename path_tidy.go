package main

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const tidyHelp = `
The engine does this by itself every minute. It ends what is due: the credentials
whose deadline is over, and those that could not be ended before. It touches no
other; credentials/revoke ends those of a role, a user, an entity or the mount.

The answer counts what was ended, what could not be and why, and what is due and
remains. What remains is tried again by itself. A personal access token that may
still be on its way to its reader counts as what could not be; tidy again two
minutes later.
`

func (b *backend) tidyPaths() []*framework.Path {
	answer := endedAnswerFields()
	answer["remaining_due"] = always(framework.TypeInt, "Credentials that are due and remain.")
	return []*framework.Path{path("tidy", `Ends at ProcessMaker what is due.`, tidyHelp, nil, map[logical.Operation]framework.OperationHandler{
		logical.UpdateOperation: onActive(b.tidy, named{verb: "tidy"}, "End what is due.", responds("What was done.", answer)),
	})}
}

func (b *backend) tidy(ctx context.Context, _ *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	due, err := b.engine.Reaper.Sweep(ctx)
	if err != nil {
		return nil, err
	}
	resp := endedAnswer(due)
	resp.Data["remaining_due"] = due.Failed
	if !due.CaughtUp {
		resp.AddWarning("the pass was cut short; what remains is not counted in full and is tried again by itself")
	}
	return resp, nil
}
