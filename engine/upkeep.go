package engine

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// UpkeepInterval is how often the mount walks what the roles have, not what was handed out.
const UpkeepInterval = time.Hour

// KeepUp ends what superseded roles have left, renews aged sessions, forgets sign-ins that nobody
// completed, settles changes of passwords that were cut off, rotates passwords by schedule, and
// removes a deleted config that nothing needs. It may wait for its turn with ProcessMaker, which the sweep must not wait for.
func (e *Engine) KeepUp(ctx context.Context) {
	now := e.Mount.Clock.Now()
	if now.Sub(e.kept) < UpkeepInterval {
		return
	}
	e.kept = now
	e.Credentials.Attempts.ForgetOld(now)
	e.warn("expired sign-ins could not be dropped", e.Sessions.DropExpiredSignIns(ctx))
	if e.Mount.Writable() { // the roles are the primary's
		e.warn("open changes of passwords could not be looked after", e.Passwords.Settle(ctx))
		e.eachRole(ctx, e.Roles.Names, func(ctx context.Context, name string) error { return e.Passwords.RotateAged(ctx, name, now) },
			"the password could not be rotated by schedule")
	}
	e.eachRole(ctx, e.Credentials.SharedNames, e.endSuperseded, "a superseded static credential could not be ended")
	e.eachRole(ctx, e.Sessions.Names, e.endSuperseded, "a superseded session could not be ended")
	e.eachRole(ctx, e.Sessions.Names, e.Sessions.RenewAged, "the session could not be renewed ahead of its end")
	if e.Mount.Writable() { // the config is the primary's
		e.warn("the rest of the deleted config could not be removed", e.removeDeleted(ctx))
	}
}

func (e *Engine) warn(message string, err error) {
	if err != nil {
		e.Report.Log(hclog.Warn, telemetry.Subject{}, message, "error", err)
	}
}

func (e *Engine) eachRole(ctx context.Context, list func(context.Context) ([]string, error), task func(context.Context, string) error, failed string) {
	names, err := list(ctx)
	if err != nil {
		e.warn("the upkeep could not list the roles' sessions and credentials", err)
		return
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return
		}
		if err := task(ctx, name); err != nil {
			e.Report.Log(hclog.Warn, telemetry.Subject{Role: name}, failed, "error", err)
		}
	}
}

// endSuperseded ends what a role's last write or its deletion should have ended.
func (e *Engine) endSuperseded(ctx context.Context, name string) error {
	inst, err := e.Instances.Current(ctx)
	if err != nil || inst == nil {
		return err
	}
	return e.endOf(ctx, name, inst.Config.AuthClient.ForClient(), inst)
}

// EndSuperseded ends the session and the static credential that a role has from before its last
// write, or its deletion. The role is written already, so a failure is only logged; the upkeep
// tries again. previous is the role as it was.
func (e *Engine) EndSuperseded(ctx context.Context, name string, previous *role.Entry) {
	inst, err := e.Instances.Current(ctx)
	if err != nil || inst == nil {
		return
	}
	former := inst.Config.AuthClient.ForClient()
	if previous != nil {
		if own := previous.AuthAt(inst); own.ID != "" {
			former = own
		}
	}
	if err := e.endOf(ctx, name, former, inst); err != nil {
		e.Report.Log(hclog.Warn, telemetry.OfSession(name), "the session or shared credential of a changed role could not be ended", "error", err)
	}
}

// endOf goes by what is stored, so that it can be repeated: a plugin may be killed right after the
// role's write. former is the auth client that the session was made with; where that is another,
// the access token is ended all the same.
func (e *Engine) endOf(ctx context.Context, name string, former client.AuthClient, inst *instance.Instance) error {
	superseded := func(held ledger.Fingerprint) bool { return e.Roles.Superseded(ctx, name, inst, held) }
	return errors.Join(
		e.Credentials.DropShared(ctx, name, inst, superseded),
		e.Sessions.End(ctx, name, former, inst, superseded),
	)
}

// errStillNeeded: something is left that only this config knows the way to.
var errStillNeeded = errors.New("the config is still needed")

// removeDeleted removes the connection half of a deleted config once nothing is left to end.
func (e *Engine) removeDeleted(ctx context.Context) error {
	inst, err := e.Instances.Current(ctx)
	if err != nil || inst == nil || !inst.Config.Deleted {
		return err
	}
	if _, err = e.removeIfQuiet(ctx, inst); problem.IsConflict(err) {
		return nil
	}
	return err
}

// removeIfQuiet removes the config if nothing is left that only it knows the way to. The sessions,
// which may have been needed until now to find lost tokens, are ended first; one that cannot be
// ended is marked due in the ledger, which keeps the config.
func (e *Engine) removeIfQuiet(ctx context.Context, inst *instance.Instance) (removed bool, err error) {
	empty, err := e.Ledger.Empty(ctx)
	if err != nil || !empty {
		return false, err
	}
	e.Sessions.EndAll(ctx, inst)
	err = e.Instances.Remove(ctx, inst, func() error {
		sessions, err := e.Sessions.Names(ctx)
		if err == nil && len(sessions) == 0 {
			empty, err = e.Ledger.Empty(ctx)
		}
		if err == nil && (len(sessions) > 0 || !empty) {
			err = errStillNeeded
		}
		return err
	})
	if errors.Is(err, errStillNeeded) {
		return false, nil
	}
	return err == nil, err
}
