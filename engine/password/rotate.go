// Package password changes the passwords of roles' users so that one is always stored that works.
// It owns neither keys nor locks nor state. It may import engine/token and what that may import.
package password

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// purpose is the path that the rotator's internal logins are made for.
const purpose = "rotate-role"

// Rotator changes the passwords of roles' users.
type Rotator struct {
	*token.Broker
	policies PolicyHost
}

// PolicyHost makes passwords by Vault's password policies.
type PolicyHost interface {
	GeneratePasswordFromPolicy(ctx context.Context, policy string) (string, error)
}

// New makes a Rotator.
func New(policies PolicyHost, tokens *token.Broker) *Rotator {
	return &Rotator{Broker: tokens, policies: policies}
}

// Rotated is a password that was changed.
type Rotated struct {
	Username string
	Roles    []string
	Time     time.Time
	Warnings []string
}

// rotation changes a user's password and stores it with the user's roles. The user's lock is held.
type rotation struct {
	*Rotator
	bound *role.Binding
	// bearer is the login that changes the password.
	bearer *ledger.Record
	// resumed: an earlier try with the same password may still reach ProcessMaker.
	resumed  bool
	warnings []string
}

// Rotate changes the password of a role's user. everyRole stores it with the other roles of that
// user too, which are otherwise a reason to refuse. Its errors are in words for the operator.
func (r *Rotator) Rotate(ctx context.Context, bound *role.Binding, everyRole bool) (*Rotated, error) {
	unlock, err := r.Roles.LockUsers(ctx, bound.Username)
	if err != nil {
		return nil, err
	}
	defer unlock()
	running := &rotation{Rotator: r, bound: bound}
	pending, err := running.run(ctx, everyRole)
	if err != nil {
		return nil, err
	}
	return &Rotated{Username: pending.Username, Roles: pending.RoleNames(), Time: r.Clock.Now(), Warnings: running.warnings}, nil
}

func (r *rotation) run(ctx context.Context, everyRole bool) (*role.PendingPassword, error) {
	password, err := r.openPassword(ctx)
	if err != nil {
		return nil, err
	}
	users, err := r.rolesOfUser(ctx, everyRole)
	if err != nil {
		return nil, err
	}
	r.resumed = password != ""
	if !r.resumed {
		if password, err = r.Generate(ctx, r.bound.Config.PasswordPolicy); err != nil {
			return nil, err
		}
	}
	if err := r.logIn(ctx); err != nil {
		return nil, err
	}
	defer r.Broker.End(r.bound.Instance, r.bearer)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the caller went away; nothing was changed: %w", err)
	}
	pending := role.NewPendingPassword(users, password, r.Clock.Now())
	if err := r.Roles.PutPending(pending); err != nil {
		return nil, fmt.Errorf("the new password could not be stored, so nothing was changed: %w", err)
	}

	// From here on the caller's leaving must not leave things half done.
	workCtx, cancel := context.WithTimeout(context.Background(), token.ExchangesTimeout)
	defer cancel()
	if err := r.change(workCtx, pending); err != nil {
		return nil, err
	}
	return pending, r.complete(pending)
}

func (r *rotation) complete(pending *role.PendingPassword) error {
	switch err := r.Roles.Adopt(pending); {
	case problem.IsConflict(err):
		return err
	case err != nil:
		return fmt.Errorf("ProcessMaker has the new password, and it is kept, but could not be stored with every role yet; those take it over at their next login: %w", err)
	}
	r.drop(pending, "completed")
	for _, name := range pending.RoleNames() {
		r.Report.Health.Of(name).RotatedPassword(pending.StartedTime)
		r.Report.Happened(hclog.Info, telemetry.RoleRotated, telemetry.OfRole(name), "password rotated")
		r.warnings = append(r.warnings, fmt.Sprintf("tokens that were made with the old password live on; end those of role %q with: vault write %scredentials/revoke role=%s", name, problem.Mount, name))
	}
	return nil
}

func (r *rotation) drop(pending *role.PendingPassword, what string) {
	if err := r.Roles.DropPending(pending); err != nil {
		r.Report.Log(hclog.Warn, telemetry.Subject{Role: r.bound.Name}, "the entry of a "+what+" change of a password could not be deleted; it is later", "error", err)
	}
}

// rolesOfUser binds the role as it is now, and its peers: the other roles of the same user.
func (r *rotation) rolesOfUser(ctx context.Context, everyRole bool) ([]*role.Binding, error) {
	names, err := r.Roles.Names(ctx)
	if err != nil {
		return nil, err
	}
	var users []*role.Binding
	var peers []string
	found := false
	for _, name := range names {
		entry, err := r.Roles.Get(ctx, name)
		if err != nil && !store.IsUnreadable(err) {
			return nil, err
		}
		if entry == nil || entry.GrantType != role.GrantTypePassword || role.UserKey(entry.Username) != role.UserKey(r.bound.Username) {
			continue
		}
		bound, err := entry.BindTo(r.bound.Instance)
		if err != nil {
			continue
		}
		if name == r.bound.Name {
			r.bound, found = bound, true
		} else {
			peers = append(peers, fmt.Sprintf("%q", name))
		}
		users = append(users, bound)
	}
	switch {
	case !found:
		return nil, r.whyNot(ctx)
	case len(peers) > 0 && !everyRole:
		return nil, problem.Refuse(fmt.Sprintf("user %q is that of other roles too (%s), which would have the wrong password", r.bound.Username, strings.Join(peers, ", ")), fmt.Sprintf("Store the new one with all of them with \"vault write %srotate-role/%s update_all=true\", or give each role a user of its own", problem.Mount, r.bound.Name))
	}
	return users, nil
}

func (r *rotation) whyNot(ctx context.Context) error {
	entry, err := r.Roles.Get(ctx, r.bound.Name)
	if err == nil && entry != nil {
		_, err = entry.BindTo(r.bound.Instance)
	}
	if err != nil {
		return err
	}
	return problem.Refuse("it was changed or deleted by another request at the same time; nothing was changed", "Read the role and rotate again")
}

// logIn makes the login that changes the password. It shows that the old password holds.
func (r *rotation) logIn(ctx context.Context) error {
	grant, err := r.Broker.Login(ctx, r.bound)
	if err != nil {
		return problem.Explain(err, r.cause(err)+"; nothing was changed")
	}
	if r.bearer, err = r.Broker.Register(r.bound, grant, purpose); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return nil
}

// change sends the change and proves it. It returns nil if the new password holds.
func (r *rotation) change(ctx context.Context, pending *role.PendingPassword) error {
	failed := r.bound.Client.ChangePassword(ctx, r.bearer.Token(), pending.Password)
	if failed != nil && client.LeftThePassword(failed) {
		r.giveUp(pending, failed)
		return problem.Explain(failed, r.changeCause(failed)+"; the old password holds")
	}
	proof := r.prove(ctx, pending.Password)
	switch {
	case proof == nil && failed != nil:
		r.warnings = append(r.warnings, fmt.Sprintf("ProcessMaker did not confirm the change (%s), but accepts the new password", failed))
		return nil
	case proof == nil:
		return nil
	case client.KindOf(proof) != client.GrantDead:
		what := "the password was changed"
		if failed != nil {
			what = fmt.Sprintf("the password may have been changed (%s)", failed)
		}
		return problem.Explain(proof, fmt.Sprintf("%s, but the new one could not be proved by a login: %s. The role keeps working: it finds out at its next login which one holds. Rotate again to be sure", what, r.cause(proof)))
	case failed != nil:
		return problem.Explain(failed, fmt.Sprintf("ProcessMaker did not confirm the change (%s) and does not accept the new password; the role keeps the old one. Should ProcessMaker still come to change it, the role takes the new one over. Rotate again", failed))
	default:
		return r.putBack(ctx, pending)
	}
}

// prove logs in with the new password. After a lost answer it waits for the client's next call.
func (r *rotation) prove(ctx context.Context, password string) error {
	err := r.Broker.Prove(ctx, r.bound, password, purpose)
	var failure *client.Error
	if !errors.As(err, &failure) || !failure.NotSent || failure.RetryAt.IsZero() {
		return err
	}
	pause := failure.RetryAt.Sub(r.Clock.Now())
	if pause > token.ExchangesTimeout/2 || r.Clock.Sleep(ctx, pause) != nil {
		return err
	}
	return r.Broker.Prove(ctx, r.bound, password, purpose)
}

// giveUp forgets a refused password, unless an earlier try with it may yet be carried out.
func (r *rotation) giveUp(pending *role.PendingPassword, cause error) {
	if r.resumed && client.KindOf(cause) != client.PasswordRefused {
		return
	}
	r.drop(pending, "refused")
}

// putBack restores the old password where ProcessMaker confirmed the new one but does not accept
// it: it has stored another one, which nobody knows.
func (r *rotation) putBack(ctx context.Context, pending *role.PendingPassword) error {
	if _, err := r.Roles.StillPending(pending); err != nil {
		return fmt.Errorf("ProcessMaker does not accept the new password, and the old one was not put back: %w", err)
	}
	old := r.bound.Password
	err := r.bound.Client.ChangePassword(ctx, r.bearer.Token(), old)
	if err == nil {
		err = r.Broker.Prove(ctx, r.bound, old, purpose)
	}
	const altered = "ProcessMaker confirmed the new password but does not accept it, so it has stored another one than it was sent"
	if err != nil {
		r.Report.Log(hclog.Error, telemetry.Subject{}, "a password is not known to anybody: set one in ProcessMaker and write it to the role", "roles", pending.RoleNames(), "error", err)
		return problem.Explain(err, fmt.Sprintf("%s, and the old one could not be put back (%s). Set a password for user %q in ProcessMaker and write it to the role", altered, r.changeCause(err), r.bound.Username))
	}
	r.drop(pending, "withdrawn")
	for _, name := range pending.RoleNames() {
		// Logins that were refused in between say nothing any more.
		r.Roles.Forget(name)
	}
	return problem.Refuse(altered+". The old one was put back and holds", "Take unusual characters out of the password_policy of the config, or clear it for the built-in generator")
}

func (r *rotation) cause(err error) string { return token.Explain(r.bound, err, r.Clock.Now()).Error() }

// changeCause is cause for the call that changes a password.
func (r *rotation) changeCause(err error) string {
	switch client.KindOf(err) {
	case client.PasswordRefused:
		return "ProcessMaker refused the new password, because its own rules (length, kinds of characters) ask for another one: set password_policy of the config to a Vault password policy that satisfies them"
	case client.Forbidden:
		return "ProcessMaker does not let the user change the own password"
	default:
		return r.cause(err)
	}
}
