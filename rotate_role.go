package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// passwordRotation changes the password of a user and stores it with the roles
// that sign in as that user. The user's lock is held.
type passwordRotation struct {
	backend    *backend
	storage    logical.Storage
	settings   *settings
	name       string
	username   string
	mountPoint string

	role *loadedRole
	auth authClient
	// bearer is the login that changes the password.
	bearer *ledger.Record
	// resumed: an earlier try with the same password may still reach
	// ProcessMaker.
	resumed  bool
	warnings []string
}

// run returns what was changed. Its errors are in words for the operator.
func (r *passwordRotation) run(ctx context.Context, updateAll bool) (*passwordChange, error) {
	b := r.backend
	password, err := r.openPassword(ctx)
	if err != nil {
		return nil, err
	}
	roles, err := r.rolesOfUser(ctx, updateAll)
	if err != nil {
		return nil, err
	}
	if r.resumed = password != ""; !r.resumed {
		if password, err = b.newPassword(ctx, r.settings.config.PasswordPolicy); err != nil {
			return nil, err
		}
	}
	if err := r.logIn(ctx); err != nil {
		return nil, err
	}
	defer b.endLogin(r.storage, r.settings, r.bearer)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the caller went away; nothing was changed: %w", err)
	}
	change := newPasswordChange(roles, password, b.clock.Now())
	if err := b.putPasswordChange(r.storage, change); err != nil {
		return nil, fmt.Errorf("the new password could not be stored, so nothing was changed: %w", err)
	}

	// From here on the caller's leaving must not leave things half done.
	workCtx, cancel := context.WithTimeout(context.Background(), exchangesTimeout)
	defer cancel()
	if err := r.change(workCtx, change); err != nil {
		return nil, err
	}
	switch err := b.adopt(r.storage, change); {
	case errors.Is(err, errPasswordOvertaken):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("ProcessMaker has the new password, and it is kept, but could not be stored with every role yet; those take it over at their next login: %w", err)
	}
	if err := b.dropPasswordChange(r.storage, change); err != nil {
		b.log(hclog.Warn, about{role: r.name}, "the entry of a completed change of a password could not be deleted; it is later", "error", err)
	}
	for _, name := range change.roleNames() {
		b.notice(hclog.Info, roleRotated, aboutRole(name), "password rotated")
	}
	r.warnOfTokens(change)
	return change, nil
}

// openPassword settles a change that an earlier rotation left open. The
// password of one that has not happened is used again: should ProcessMaker still
// come to it, it does no harm.
func (r *passwordRotation) openPassword(ctx context.Context) (string, error) {
	open, err := readPasswordChange(ctx, r.storage, passwordChangeKey(r.settings.config.URL, r.username))
	if isNewer(err) {
		return "", &refusal{"a newer release has left a change of this user's password open, which that release alone can complete; nothing was changed", "Install it again"}
	}
	if err != nil || open == nil {
		return "", err
	}
	settled, err := r.backend.settleChange(ctx, r.storage, r.settings, open)
	switch {
	case err != nil:
		return "", &explained{fmt.Sprintf("an earlier rotation was cut off, and whether it changed the password could not be found out: %s", r.cause(err)), err}
	case settled:
		return "", nil
	default:
		return open.Password, nil
	}
}

// rolesOfUser loads the role as it is now, and its peers: the other roles that
// sign in as the same user.
func (r *passwordRotation) rolesOfUser(ctx context.Context, updateAll bool) ([]*loadedRole, error) {
	names, err := r.storage.List(ctx, rolePrefix)
	if err != nil {
		return nil, err
	}
	var roles []*loadedRole
	var peers []string
	for _, name := range names {
		role, err := r.backend.roles.load(ctx, r.storage, name)
		switch {
		case err != nil && !isUnreadable(err):
			return nil, err
		case role == nil || role.GrantType != grantTypePassword || userKey(role.Username) != userKey(r.username) || role.belongsTo(r.settings) != nil:
			continue
		case name == r.name:
			r.role = role
		default:
			peers = append(peers, fmt.Sprintf("%q", name))
		}
		roles = append(roles, role)
	}
	switch {
	case r.role == nil:
		return nil, r.whyNot(ctx)
	case len(peers) > 0 && !updateAll:
		return nil, &refusal{fmt.Sprintf("user %q is that of other roles too (%s), which would have the wrong password", r.username, strings.Join(peers, ", ")), "Write update_all=true to store the new one with all of them, or give each role a user of its own"}
	}
	return roles, nil
}

// whyNot explains why the role is not among those of its user.
func (r *passwordRotation) whyNot(ctx context.Context) error {
	role, err := r.backend.roles.load(ctx, r.storage, r.name)
	if err != nil {
		return err
	}
	if role != nil {
		if err := role.belongsTo(r.settings); err != nil {
			return err
		}
	}
	return &refusal{text: "it was changed or deleted by another request at the same time; nothing was changed"}
}

// logIn makes the login that is to change the password, also where the role has
// a session: it shows that the password to fall back to holds.
func (r *passwordRotation) logIn(ctx context.Context) error {
	grant, auth, err := r.backend.login(ctx, r.storage, r.role, r.settings)
	r.auth = auth
	if err != nil {
		return &explained{r.cause(err) + "; nothing was changed", err}
	}
	if r.bearer, err = r.backend.recordLogin(r.storage, r.name, &r.role.role, auth, grant, "rotate-role"); err != nil {
		r.backend.endUnrecorded(r.settings, grant.Access, r.name)
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return nil
}

// change sends the change and proves it. It returns nil if the new password
// holds.
func (r *passwordRotation) change(ctx context.Context, change *passwordChange) error {
	failed := r.settings.client.ChangePassword(ctx, heldToken(r.bearer), change.Password)
	if failed != nil && client.LeftThePassword(failed) {
		r.giveUp(change, failed)
		return &explained{r.changeCause(failed) + "; the old password holds", failed}
	}
	proof := r.prove(ctx, change.Password)
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
		return &explained{fmt.Sprintf("%s, but the new one could not be proved by a login: %s. The role keeps working: it finds out at its next login which one holds. Rotate again to be sure", what, r.cause(proof)), proof}
	case failed != nil:
		return &explained{fmt.Sprintf("ProcessMaker did not confirm the change (%s) and does not accept the new password; the role keeps the old one. Should ProcessMaker still come to change it, the role takes the new one over. Rotate again", failed), failed}
	default:
		return r.putBack(ctx, change)
	}
}

// prove logs in with the new password. An answer that got lost makes the client
// leave ProcessMaker alone for some seconds, which are waited for.
func (r *passwordRotation) prove(ctx context.Context, password string) error {
	b := r.backend
	err := b.tryLogin(ctx, r.storage, r.role, r.settings, r.auth, password)
	var failure *client.Error
	if !errors.As(err, &failure) || !failure.NotSent || failure.RetryAt.IsZero() {
		return err
	}
	pause := failure.RetryAt.Sub(b.clock.Now())
	if pause > exchangesTimeout/2 || b.clock.Sleep(ctx, pause) != nil {
		return err
	}
	return b.tryLogin(ctx, r.storage, r.role, r.settings, r.auth, password)
}

// giveUp forgets a password that ProcessMaker certainly has not taken, unless an
// earlier try is still open with it that it may yet take.
func (r *passwordRotation) giveUp(change *passwordChange, cause error) {
	if r.resumed && client.KindOf(cause) != client.PasswordRefused {
		return
	}
	if err := r.backend.dropPasswordChange(r.storage, change); err != nil {
		r.backend.log(hclog.Warn, about{role: r.name}, "the entry of a change of a password that did not happen could not be deleted; it is later", "error", err)
	}
}

// putBack restores the old password where ProcessMaker confirmed the new one
// but does not accept it: it has stored another one, which nobody knows.
func (r *passwordRotation) putBack(ctx context.Context, change *passwordChange) error {
	if _, err := r.backend.stillOpen(r.storage, change); err != nil {
		return fmt.Errorf("ProcessMaker does not accept the new password, and the old one was not put back: %w", err)
	}
	old := r.role.Password
	err := r.settings.client.ChangePassword(ctx, heldToken(r.bearer), old)
	if err == nil {
		err = r.backend.tryLogin(ctx, r.storage, r.role, r.settings, r.auth, old)
	}
	const altered = "ProcessMaker confirmed the new password but does not accept it, so it has stored another one than it was sent"
	if err != nil {
		r.backend.log(hclog.Error, about{}, "a password is not known to anybody: set one in ProcessMaker and write it to the role", "roles", change.roleNames(), "error", err)
		return &explained{fmt.Sprintf("%s, and the old one could not be put back (%s). Set a password for user %q in ProcessMaker and write it to the role", altered, r.changeCause(err), r.username), err}
	}
	if err := r.backend.dropPasswordChange(r.storage, change); err != nil {
		r.backend.log(hclog.Warn, about{role: r.name}, "the entry of a change of a password that was taken back could not be deleted; it is later", "error", err)
	}
	for _, name := range change.roleNames() {
		// Logins that were refused meanwhile say nothing any more.
		r.backend.roles.forget(name)
	}
	return &refusal{altered + ". The old one was put back and holds", "Take unusual characters out of the password_policy of the config, or clear it for the built-in generator"}
}

func (r *passwordRotation) warnOfTokens(change *passwordChange) {
	for _, name := range change.roleNames() {
		r.warnings = append(r.warnings, fmt.Sprintf("tokens that were made with the old password live on; end those of role %q with: vault write %stidy role=%s", name, r.mountPoint, name))
	}
}

func (r *passwordRotation) cause(err error) string {
	role := &role{Username: r.username}
	if r.role != nil {
		role = &r.role.role
	}
	return loginCause(role, r.auth, err, r.backend.clock.Now()).String()
}

// changeCause is cause for the call that changes a password.
func (r *passwordRotation) changeCause(err error) string {
	switch client.KindOf(err) {
	case client.PasswordRefused:
		return "ProcessMaker refused the new password, because its own rules (length, kinds of characters) ask for another one: set password_policy of the config to a Vault password policy that satisfies them"
	case client.Forbidden:
		return "ProcessMaker does not let the user change the own password"
	default:
		return r.cause(err)
	}
}
