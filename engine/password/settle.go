package password

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// lateChange: a change may happen until then after a lost answer; no server works that long.
const lateChange = 10 * time.Minute

// Settle looks after changes that a crash, or an answer that never came, has left open.
func (r *Rotator) Settle(ctx context.Context) error {
	all, err := r.Roles.AllPending(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	inst, err := r.Instances.Current(ctx)
	if err != nil || inst == nil || inst.Config.Deleted {
		return err
	}
	for _, open := range all {
		if ctx.Err() != nil {
			return nil
		}
		if open.URL != inst.Config.URL {
			continue
		}
		if err := r.settleOpen(ctx, inst, open); err != nil {
			r.Report.Log(hclog.Warn, telemetry.Subject{}, "a change of a password that was cut off could not be completed yet", "error", err)
		}
	}
	return nil
}

func (r *Rotator) settleOpen(ctx context.Context, inst *instance.Instance, open *role.PendingPassword) error {
	unlock, err := r.Roles.LockUsers(ctx, open.Username)
	if err != nil {
		return err
	}
	defer unlock()
	if open, err = r.Roles.Pending(ctx, open.URL, open.Username); err != nil || open == nil {
		return err
	}
	settled, err := r.settle(ctx, inst, open)
	if settled || err != nil || r.Clock.Now().Sub(open.StartedTime) < lateChange {
		return err
	}
	first, err := r.firstWaiting(ctx, inst, open)
	if err != nil || first == nil {
		return err
	}
	// Only a login with the old password proves it: a user deleted for a while is refused both.
	if err := r.Broker.Prove(ctx, first, first.Password, purpose); err != nil {
		return fmt.Errorf("roles %s: the new password does not hold, and whether the old one does is not known: role %q: %w", strings.Join(open.RoleNames(), ", "), first.Name, err)
	}
	return r.Roles.DropPending(open)
}

// openPassword settles a change that an earlier rotation left open. The password of one that has
// not happened is used again: should ProcessMaker still come to it, it does no harm.
func (r *rotation) openPassword(ctx context.Context) (string, error) {
	open, err := r.Roles.Pending(ctx, r.bound.URL, r.bound.Username)
	if store.IsNewer(err) {
		return "", problem.Refuse("a newer release has left a change of this user's password open, which that release alone can complete; nothing was changed", "Install it again")
	}
	if err != nil || open == nil {
		return "", err
	}
	settled, err := r.settle(ctx, r.bound.Instance, open)
	switch {
	case err != nil:
		return "", problem.Explain(err, fmt.Sprintf("an earlier rotation was cut off, and whether it changed the password could not be found out: %s", r.cause(err)))
	case settled:
		return "", nil
	default:
		return open.Password, nil
	}
}

// settle completes an open change if it is found to have happened. The user's lock is held.
func (r *Rotator) settle(ctx context.Context, inst *instance.Instance, open *role.PendingPassword) (settled bool, err error) {
	first, err := r.firstWaiting(ctx, inst, open)
	if err != nil {
		return false, err
	}
	if first == nil {
		return true, r.Roles.DropPending(open)
	}
	err = r.Broker.Prove(ctx, first, open.Password, purpose)
	switch {
	case client.KindOf(err) == client.GrantDead:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("role %q: %w", first.Name, err)
	}
	if err := r.Roles.Adopt(open); err != nil {
		return false, err
	}
	r.Report.Log(hclog.Info, telemetry.Subject{}, "an open change of a password had happened; its roles have the new one", "roles", open.RoleNames())
	return true, r.Roles.DropPending(open)
}

// firstWaiting is the first role that has neither the new password nor a later one; nil for none.
func (r *Rotator) firstWaiting(ctx context.Context, inst *instance.Instance, open *role.PendingPassword) (*role.Binding, error) {
	for _, name := range open.RoleNames() {
		entry, err := r.Roles.Get(ctx, name)
		if err != nil && !store.IsUnreadable(err) {
			return nil, err
		}
		if entry == nil || !open.Concerns(name, &entry.Role) {
			continue
		}
		bound, err := entry.BindTo(inst)
		if err != nil {
			return nil, fmt.Errorf("role %q: %w", name, err)
		}
		return bound, nil
	}
	return nil, nil
}
