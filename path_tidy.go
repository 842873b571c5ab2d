package main

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const tidyHelp = `
The engine does this every minute, unasked. It ends the credentials that are due:
those whose deadline is over, and those that could not be ended before. It touches
no other; credentials/revoke ends those of a role, a user, an entity or the mount.

The answer counts the credentials that were ended, those that failed with their
reasons, and those that are due and remain. The engine tries the remaining ones
again every minute. A personal access token that may still be on its way to its
reader counts as failed; tidy again two minutes later.

For example:

    vault write -f <mount>/tidy
`

func (b *backend) tidyPaths() []*framework.Path {
	answer := endedAnswerFields()
	answer["remaining_due"] = always(framework.TypeInt, "Credentials that are due and remain.")
	return []*framework.Path{path("tidy", `Ends the credentials that are due at ProcessMaker.`, tidyHelp, nil, map[logical.Operation]framework.OperationHandler{
		logical.UpdateOperation: onActive(b.tidy, named{verb: "tidy"}, "End the credentials that are due.", responds("The counts.", answer)),
	})}
}

func (b *backend) tidy(ctx context.Context, _ *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	due, err := b.engine.Reaper.Sweep(ctx)
	if err != nil {
		return nil, err
	}
	resp := b.endedAnswer(due)
	resp.Data["remaining_due"] = due.Failed
	if !due.CaughtUp {
		resp.AddWarning("the pass was cut short; what remains is not counted in full and is tried again by itself")
	}
	return resp, nil
}
