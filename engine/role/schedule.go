package role

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
)

// passwordRetry is the pause after a rotation by schedule that failed.
const passwordRetry = time.Hour

// NextPasswordRotation is when the password is due for a rotation by schedule; zero without one.
func (r *Role) NextPasswordRotation() time.Time {
	if r.PasswordRotationPeriod == 0 {
		return time.Time{}
	}
	next := r.PasswordTime.Add(r.PasswordRotationPeriod)
	if retry := r.PasswordTriedTime.Add(passwordRetry); !r.PasswordTriedTime.Before(r.PasswordTime) && retry.After(next) {
		return retry
	}
	return next
}

// NotePassword keeps when the password was written. previous is nil for a new role.
func (r *Role) NotePassword(previous *Entry, now time.Time) {
	if previous == nil || r.Password != previous.Password || r.PasswordTime.IsZero() {
		r.PasswordTime = now
	}
}

// PutTried stores that a rotation by schedule begins: a plugin that is killed in it, or started
// anew, does not try again before the pause is over.
func (s *Store) PutTried(ctx context.Context, entry *Entry, now time.Time) error {
	next := entry.Role
	next.PasswordTriedTime = now
	return s.Replace(ctx, entry.Name, entry, &next)
}

// RefuseSharedRotation refuses a role whose user is that of another role while one of them rotates
// the password by schedule: the other would be left with the old one. The user's lock is held.
func (s *Store) RefuseSharedRotation(ctx context.Context, name string, previous *Entry, r *Role) error {
	unchanged := previous != nil && previous.GrantType == r.GrantType && previous.Username == r.Username && previous.PasswordRotationPeriod == r.PasswordRotationPeriod
	if r.GrantType != GrantTypePassword || unchanged {
		return nil
	}
	names, err := s.Names(ctx)
	if err != nil {
		return err
	}
	var peers []string
	for _, other := range names {
		entry, err := s.Get(ctx, other)
		if err != nil && !store.IsUnreadable(err) {
			return err
		}
		if other != name && entry != nil && entry.GrantType == GrantTypePassword && UserKey(entry.Username) == UserKey(r.Username) &&
			(r.PasswordRotationPeriod > 0 || entry.PasswordRotationPeriod > 0) {
			peers = append(peers, fmt.Sprintf("%q", other))
		}
	}
	if len(peers) == 0 {
		return nil
	}
	return problem.Refuse(
		fmt.Sprintf("user %q is that of other roles too (%s), which would have the wrong password after a rotation by schedule", r.Username, strings.Join(peers, ", ")),
		fmt.Sprintf("Give each role a user of its own, or set password_rotation_period to 0 and rotate with \"vault write %srotate-role/%s update_all=true\"", problem.Mount, name),
	)
}
