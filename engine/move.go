package engine

import (
	"context"
	"fmt"
	"strings"

	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/internal/problem"
)

// ReplaceInstance stores next in place of previous. It is Refused to move the mount
// to another instance while sessions or credentials live at the present one: only
// the present config knows the way to them.
func (e *Engine) ReplaceInstance(ctx context.Context, previous, next *instance.Instance) error {
	var stillFree func() error
	if previous != nil && previous.Config.URL != next.Config.URL {
		stillFree = func() error { return e.refuseToMove(ctx, previous.Config.URL) }
	}
	if err := e.Instances.Replace(ctx, previous, next, stillFree); err != nil {
		return err
	}
	// A refused login may have been the former settings' fault.
	e.Roles.ForgetAll()
	return nil
}

func (e *Engine) refuseToMove(ctx context.Context, url string) error {
	sessions, err := e.Sessions.Names(ctx)
	if err != nil {
		return err
	}
	if len(sessions) > 0 {
		return problem.Refuse(
			fmt.Sprintf("url cannot change while sessions of %s live (roles %s)", url, strings.Join(sessions, ", ")),
			"End them with \"vault delete <mount>/sessions/<role>\"",
		)
	}
	live, err := e.Ledger.All(ctx)
	if err != nil || len(live) == 0 {
		return err
	}
	return problem.Refuse(
		fmt.Sprintf("url cannot change while %d credentials of %s live", len(live), url),
		"End them with \"vault write -f <mount>/tidy all=true\", or enable another mount for the other instance",
	)
}

// RemoveInstance deletes the config. Where credentials still live, it erases the
// secrets and keeps the connection, so that they can be ended: removed is false
// then, and live is their number.
func (e *Engine) RemoveInstance(ctx context.Context, previous *instance.Instance) (removed bool, live int, err error) {
	defer e.Roles.ForgetAll()
	removed, err = e.removeIfQuiet(ctx, previous)
	if err != nil || removed {
		return removed, 0, err
	}
	ids, err := e.Ledger.All(ctx)
	if err != nil {
		return false, 0, err
	}
	next, err := e.Instances.Prepare(previous.Config.ConnectionOnly())
	if err != nil {
		return false, 0, err
	}
	return false, len(ids), e.Instances.Replace(ctx, previous, next, nil)
}
