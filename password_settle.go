package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
)

// lateChange is how long after its start a change is thought possible whose
// answer was lost: far longer than a server works at one request.
const lateChange = 10 * time.Minute

// settleChange finds out whether an open change has happened, and completes it
// if so. The caller holds the user's lock.
func (b *backend) settleChange(ctx context.Context, storage logical.Storage, s *settings, change *passwordChange) (settled bool, err error) {
	waiting, err := b.waitingRoles(ctx, storage, change)
	if err != nil {
		return false, err
	}
	if len(waiting) == 0 {
		return true, b.dropPasswordChange(storage, change)
	}
	err = b.tryLoginAsAny(ctx, storage, s, waiting, func(*role) string { return change.Password })
	switch {
	case client.KindOf(err) == client.GrantDead:
		return false, nil
	case err != nil:
		return false, err
	}
	if err := b.adopt(storage, change); err != nil {
		return false, err
	}
	b.log(hclog.Info, about{}, "an open change of a password had happened; its roles have the new one", "roles", change.roleNames())
	return true, b.dropPasswordChange(storage, change)
}

// tryLoginAsAny logs in as the roles' user, with any of their passwords and
// through any of their auth clients that ProcessMaker accepts.
func (b *backend) tryLoginAsAny(ctx context.Context, storage logical.Storage, s *settings, roles []*loadedRole, password func(*role) string) error {
	var failed error
	refused := map[string]error{}
	for _, role := range roles {
		word := password(&role.role)
		if refused[word] != nil {
			continue
		}
		auth, err := role.authClient(s)
		if err == nil {
			err = b.tryLogin(ctx, storage, role, s, auth, word)
		}
		switch {
		case err == nil:
			return nil
		case client.KindOf(err) == client.GrantDead:
			refused[word] = err
		default:
			failed = fmt.Errorf("role %q: %w", role.name, err)
		}
	}
	for _, err := range refused {
		return err
	}
	return failed
}

// waitingRoles are those that neither have the new password yet nor have been
// written since.
func (b *backend) waitingRoles(ctx context.Context, storage logical.Storage, change *passwordChange) (waiting []*loadedRole, err error) {
	for _, name := range change.roleNames() {
		role, err := b.roles.load(ctx, storage, name)
		if err != nil && !isUnreadable(err) {
			return nil, err
		}
		if role != nil && change.concerns(name, &role.role) {
			waiting = append(waiting, role)
		}
	}
	return waiting, nil
}

// settleOpenChanges looks after changes that a crash, or an answer that never
// came, has left open.
func (b *backend) settleOpenChanges(ctx context.Context, storage logical.Storage) error {
	keys, err := storage.List(ctx, rotatePrefix)
	if err != nil || len(keys) == 0 {
		return err
	}
	current, err := b.settings.load(ctx, storage, b.clock)
	if err != nil || current == nil || current.config.Deleted {
		return err
	}
	for _, key := range keys {
		if ctx.Err() != nil {
			return nil
		}
		if err := b.settleOpenChange(ctx, storage, current, rotatePrefix+key); err != nil {
			b.log(hclog.Warn, about{}, "a change of a password that was cut off could not be completed yet", "error", err)
		}
	}
	return nil
}

func (b *backend) settleOpenChange(ctx context.Context, storage logical.Storage, s *settings, key string) error {
	open, err := readPasswordChange(ctx, storage, key)
	if err != nil || open == nil || open.URL != s.config.URL {
		return err
	}
	unlock, err := b.lockUsers(ctx, open.Username)
	if err != nil {
		return err
	}
	defer unlock()
	if open, err = readPasswordChange(ctx, storage, key); err != nil || open == nil {
		return err
	}
	settled, err := b.settleChange(ctx, storage, s, open)
	if settled || err != nil || b.clock.Now().Sub(open.StartedTime) < lateChange {
		return err
	}
	waiting, err := b.waitingRoles(ctx, storage, open)
	if err != nil || len(waiting) == 0 {
		return err
	}
	// Only a login with the old password shows that the new one is not needed:
	// a user who is deleted for a while is refused both.
	if err := b.tryLoginAsAny(ctx, storage, s, waiting, func(r *role) string { return r.Password }); err != nil {
		return fmt.Errorf("roles %s: the new password does not hold, and whether the old one does is not known: %w", strings.Join(open.roleNames(), ", "), err)
	}
	return b.dropPasswordChange(storage, open)
}

// lockUsers waits until nobody changes the password of these users.
func (b *backend) lockUsers(ctx context.Context, usernames ...string) (unlock func(), err error) {
	keys := make([]string, 0, len(usernames))
	for _, username := range usernames {
		if username != "" {
			keys = append(keys, userKey(username))
		}
	}
	// In order, so that nobody waits for each other.
	slices.Sort(keys)
	var unlocks []func()
	release := func() {
		for _, one := range unlocks {
			one()
		}
	}
	for _, key := range slices.Compact(keys) {
		one, err := b.passwords.Lock(ctx, key)
		if err != nil {
			release()
			return nil, fmt.Errorf("gave up waiting for a change of the user's password that is under way: %w", err)
		}
		unlocks = append(unlocks, one)
	}
	return release, nil
}

// lockLogin keeps changes of the password away from a write that says how the
// role signs in; other writes do not wait. data is nil for a deletion.
func (b *backend) lockLogin(ctx context.Context, storage logical.Storage, name string, data *framework.FieldData) (unlock func(), err error) {
	var written string
	if data != nil {
		_, password := data.Raw["password"]
		_, username := data.Raw["username"]
		_, grantType := data.Raw["grant_type"]
		if !password && !username && !grantType {
			return func() {}, nil
		}
		written, _ = data.Raw["username"].(string)
	}
	previous, err := b.roles.load(ctx, storage, name)
	if err != nil && !isUnreadable(err) {
		return nil, err
	}
	if previous != nil {
		return b.lockUsers(ctx, previous.Username, written)
	}
	return b.lockUsers(ctx, written)
}

// withdraw takes a role that was given another login, or was deleted, out of an
// open change of its user's password. The change would leave the role alone
// anyway, so a failure leaves no more than an entry that is settled later.
func (b *backend) withdraw(ctx context.Context, storage logical.Storage, previous *loadedRole, changed *role) {
	if previous == nil || previous.GrantType != grantTypePassword || (changed != nil && changed.Password == previous.Password && changed.fingerprint("") == previous.fingerprint("")) {
		return
	}
	key := passwordChangeKey(previous.URL, previous.Username)
	change, err := readPasswordChange(ctx, storage, key)
	if isUnreadable(err) && !isNewer(err) {
		// It would stand in the way of every rotation to come. One of a newer
		// release may hold the password that other roles wait for.
		err = storage.Delete(ctx, key)
	}
	if err == nil && change != nil && !(changed != nil && change.concerns(previous.name, changed)) {
		delete(change.Roles, previous.name)
		if len(change.Roles) == 0 {
			err = b.dropPasswordChange(storage, change)
		} else {
			err = b.putPasswordChange(storage, change)
		}
	}
	if err != nil {
		b.log(hclog.Warn, about{role: previous.name}, "an open change of a password could not be withdrawn", "error", err)
	}
}
