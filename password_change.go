package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
)

const passwordChangeVersion = 1

// passwordChange is the stored form of a change of a user's password that may
// or may not have happened. It is written before the change is sent and deleted
// after the roles have the new password, so that whatever happens in between
// there is a password that works.
type passwordChange struct {
	Version  int    `json:"version"`
	URL      string `json:"url"`
	Username string `json:"username"`
	Password string `json:"password"`
	// Roles are to get the password: by name, the hash of the one that each
	// has. A role that was given another one meanwhile keeps that.
	Roles       map[string]string `json:"roles"`
	StartedTime time.Time         `json:"started_time"`
}

// userKey tells users apart as ProcessMaker does.
func userKey(username string) string { return strings.ToLower(strings.TrimSpace(username)) }

// passwordChangeKey hashes, because a user name need not be fit for a key.
func passwordChangeKey(url, username string) string {
	hash := sha256.Sum256([]byte(url + "\n" + userKey(username)))
	return rotatePrefix + hex.EncodeToString(hash[:])
}

func passwordHash(password string) string {
	hash := sha256.Sum256([]byte(password))
	return hex.EncodeToString(hash[:])
}

func newPasswordChange(roles []*loadedRole, password string, now time.Time) *passwordChange {
	change := &passwordChange{
		Version:     passwordChangeVersion,
		URL:         roles[0].URL,
		Username:    roles[0].Username,
		Password:    password,
		Roles:       map[string]string{},
		StartedTime: now,
	}
	for _, role := range roles {
		change.Roles[role.name] = passwordHash(role.Password)
	}
	return change
}

func (c *passwordChange) key() string { return passwordChangeKey(c.URL, c.Username) }

// concerns tells whether the role still waits for the change.
func (c *passwordChange) concerns(name string, r *role) bool {
	return r.GrantType == grantTypePassword && r.URL == c.URL && userKey(r.Username) == userKey(c.Username) &&
		c.Roles[name] == passwordHash(r.Password)
}

// roleNames are sorted.
func (c *passwordChange) roleNames() []string { return slices.Sorted(maps.Keys(c.Roles)) }

func (b *backend) putPasswordChange(storage logical.Storage, change *passwordChange) error {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	entry, err := logical.StorageEntryJSON(change.key(), change)
	if err != nil {
		return errors.New("the change of the password cannot be encoded")
	}
	return storage.Put(ctx, entry)
}

func (b *backend) dropPasswordChange(storage logical.Storage, change *passwordChange) error {
	_, err := b.stillOpen(storage, change)
	if errors.Is(err, errPasswordOvertaken) {
		return nil // it is gone, and another is not ours to drop
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	return storage.Delete(ctx, change.key())
}

func readPasswordChange(ctx context.Context, storage logical.Storage, key string) (*passwordChange, error) {
	entry, err := storage.Get(ctx, key)
	if err != nil || entry == nil {
		return nil, err
	}
	var change passwordChange
	if err := decodeStored(entry, &change, "change of a password", "set another password for the user in ProcessMaker and write it to the role"); err != nil {
		return nil, err
	}
	return &change, nil
}

func (c *passwordChange) newest() int { return passwordChangeVersion }

func (c *passwordChange) whole() bool {
	return c.URL != "" && c.Username != "" && c.Password != "" && len(c.Roles) > 0
}

// loginAsChanged logs in with the password that a change has given the user
// since the role was loaded, or may have given. refused is the answer where
// there is none.
func (b *backend) loginAsChanged(ctx context.Context, storage logical.Storage, role *loadedRole, tokens client.Grants, auth authClient, refused error) (*client.Grant, error) {
	// The change comes first: it is deleted after the role is written.
	change, err := readPasswordChange(ctx, storage, passwordChangeKey(role.URL, role.Username))
	if isUnreadable(err) {
		// The login is refused all the same, and remembered as that.
		return nil, errors.Join(&refusal{text: fmt.Sprintf("ProcessMaker refused the login of user %q, and %s", role.Username, err)}, refused)
	}
	if err != nil {
		return nil, err
	}
	if change != nil && change.concerns(role.name, &role.role) {
		grant, err := tokens.PasswordGrant(ctx, auth.forClient(), role.loginWith(change.Password))
		// Of a performance secondary the roles are the primary's to write.
		if err == nil && b.WriteSafeReplicationState() {
			switch err := b.adopt(storage, change); {
			case err == nil:
				b.log(hclog.Info, about{role: role.name}, "the role's new password was found to hold")
			case !errors.Is(err, errPasswordOvertaken): // that has seen to it
				b.log(hclog.Warn, about{role: role.name}, "the new password of a role could not be written yet", "error", err)
			}
		}
		return grant, err
	}
	current, err := b.roles.load(ctx, storage, role.name)
	switch {
	case err != nil:
		return nil, err
	case current == nil || current.Password == role.Password || current.URL != role.URL || userKey(current.Username) != userKey(role.Username):
		return nil, refused
	}
	return tokens.PasswordGrant(ctx, auth.forClient(), role.loginWith(current.Password))
}

// adopt writes a password that is known to hold into the roles that wait for
// it. It needs no lock: each role is written only as long as it waits.
func (b *backend) adopt(storage logical.Storage, change *passwordChange) error {
	change, err := b.stillOpen(storage, change)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	var failed error
	for _, name := range change.roleNames() {
		if err := b.adoptInto(ctx, storage, name, change); err != nil {
			failed = errors.Join(failed, fmt.Errorf("role %q: %w", name, err))
		}
	}
	return failed
}

func (b *backend) adoptInto(ctx context.Context, storage logical.Storage, name string, change *passwordChange) error {
	for {
		current, err := b.roles.load(ctx, storage, name)
		if err != nil || current == nil || !change.concerns(name, &current.role) {
			return err
		}
		next := current.role
		next.Password = change.Password
		err = b.roles.replace(ctx, storage, name, current, &next)
		var moved errRoleMoved
		if !errors.As(err, &moved) || ctx.Err() != nil {
			return err
		}
	}
}
