package password

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// RotateAged rotates a role's password if it is older than the role's password_rotation_period. Of
// a failure it tells the log, the counters, the subscribers and the role's status; the old password
// works until a later try succeeds. now is when the upkeep began: that an hour lies between two
// tries is counted from there.
func (r *Rotator) RotateAged(ctx context.Context, name string, now time.Time) error {
	entry, err := r.Roles.Get(ctx, name)
	if err != nil || entry == nil {
		return err
	}
	if entry.GrantType == role.GrantTypePassword && !entry.PasswordTime.IsZero() {
		r.Report.Health.Of(name).RotatedPassword(entry.PasswordTime)
	}
	if next := entry.NextPasswordRotation(); next.IsZero() || now.Before(next) {
		return nil
	}
	inst, err := r.Instances.Current(ctx)
	if err != nil || inst == nil || inst.Config.Deleted {
		return err
	}
	if err := r.Roles.PutTried(ctx, entry, now); err != nil {
		if problem.IsConflict(err) {
			return nil // written in between; the next upkeep looks at it as it is
		}
		return err
	}
	bound, err := r.Roles.Bind(ctx, name)
	if err == nil {
		_, err = r.Rotate(ctx, bound, false)
	}
	if err != nil {
		r.Report.Health.Of(name).PasswordNotRotated(err.Error())
		r.Report.Happened(hclog.Warn, telemetry.RoleRotateFailed, telemetry.OfRole(name).Same(), "the password could not be rotated by schedule; the next try is in an hour", "error", err)
	}
	return nil
}
