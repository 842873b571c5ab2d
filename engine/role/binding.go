package role

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
)

// Binding is a role as it signs in at the present instance, resolved once.
type Binding struct {
	*Entry
	*instance.Instance
	// Auth is the role's own auth client or the config's.
	Auth        client.AuthClient
	Fingerprint ledger.Fingerprint
	// kept: token calls come out of the share that is kept for sessions and renewals.
	kept bool
}

// Kept is the binding of a session or a renewal, whose token calls have a share of the limit that
// reads cannot use up.
func (b *Binding) Kept() *Binding {
	kept := *b
	kept.kept = true
	return &kept
}

// Grants are the token calls on behalf of the role.
func (b *Binding) Grants() client.Grants {
	return b.Client.For(client.Caller{Role: b.Name, Kept: b.kept})
}

// Bind resolves a role. Its errors are Refused where there is no config, no such role, no auth
// client, or where the role was written for another instance.
func (s *Store) Bind(ctx context.Context, name string) (*Binding, error) {
	inst, err := s.instances.Require(ctx)
	if err != nil {
		return nil, err
	}
	entry, err := s.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return nil, problem.Refuse(fmt.Sprintf("there is no role %q: write it to %sroles/%s, or list %sroles", name, problem.Mount, name, problem.Mount),
			fmt.Sprintf("\"vault list %sroles\" shows the names", problem.Mount))
	}
	bound, err := entry.BindTo(inst)
	if err != nil {
		return nil, fmt.Errorf("role %q: %w", name, err)
	}
	return bound, nil
}

// BindTo resolves the role at inst.
func (e *Entry) BindTo(inst *instance.Instance) (*Binding, error) {
	if bound := e.bound.Load(); bound != nil && bound.Instance == inst {
		return bound, nil
	}
	if err := e.belongsTo(e.Name, inst); err != nil {
		return nil, err
	}
	auth, err := e.authClient(inst)
	if err != nil {
		return nil, err
	}
	bound := &Binding{Entry: e, Instance: inst, Auth: auth.ForClient(), Fingerprint: e.fingerprint(auth.ID)}
	e.bound.Store(bound)
	return bound, nil
}

// Draft is the binding of a role that is not stored yet.
func Draft(name string, r *Role, inst *instance.Instance) (*Binding, error) {
	return (&Entry{Role: *r, Name: name}).BindTo(inst)
}

// InternalLoginLife bounds an internal login, should the plugin die before it has ended it.
const InternalLoginLife = 2 * time.Minute

// Facts are those of an internal login for the path purpose. No lease is for it.
func (b *Binding) Facts(purpose string) ledger.Facts {
	return ledger.Facts{Life: InternalLoginLife, Record: ledger.Record{
		Role: b.Name, Fingerprint: b.Fingerprint, State: ledger.Live, RenewMode: string(lease.None), DisplayName: purpose, Held: ledger.Held{Username: b.Username},
	}}
}

// StillBound is a Conflict unless the role signs in as it did when bound was resolved: a session of
// the former role would pass for one of the present.
func (s *Store) StillBound(bound *Binding) error {
	current, err := store.ReadOnOwnTime(func(ctx context.Context) (*Entry, error) { return s.Get(ctx, bound.Name) })
	if err != nil {
		return err
	}
	if current != nil {
		if now, err := current.BindTo(bound.Instance); err == nil && now.Fingerprint == bound.Fingerprint {
			return nil
		}
	}
	return problem.Conflictf("the role was changed or deleted by another request at the same time; try again")
}

// AuthOf is the auth client for what a role has left, the config's if need be; empty for none.
func (s *Store) AuthOf(ctx context.Context, name string, inst *instance.Instance) client.AuthClient {
	if entry, err := s.Get(ctx, name); err == nil && entry != nil {
		return entry.AuthAt(inst)
	}
	return client.AuthClient{}
}

// AuthAt is the auth client of the role at inst, and an empty one where there is none.
func (e *Entry) AuthAt(inst *instance.Instance) client.AuthClient {
	auth, _ := e.authClient(inst) // empty after an error
	return auth.ForClient()
}

// Superseded tells whether a session or static credential with the fingerprint held is of a role
// that was changed or deleted since. What lives at another instance is not.
func (s *Store) Superseded(ctx context.Context, name string, inst *instance.Instance, held ledger.Fingerprint) bool {
	if held.URL != inst.Config.URL {
		return false
	}
	entry, err := s.Get(ctx, name)
	if err != nil || entry == nil {
		return err == nil
	}
	auth, err := entry.authClient(inst)
	return err == nil && held != entry.fingerprint(auth.ID)
}

// FillTemplate fills an identity template for an entity.
type FillTemplate func(template, entityID string) (string, error)

// userIDTemplate is the one form of identity template that a role may hold. In a freer one, readers
// that name themselves could choose the user.
var userIDTemplate = regexp.MustCompile(`^\{\{\s*identity\.entity\.(metadata|aliases\.[A-Za-z0-9_-]+\.metadata)\.[A-Za-z0-9_.-]+\s*\}\}$`)

func checkUserID(text string) error {
	if text == "" || client.CheckUserID(text) == nil || userIDTemplate.MatchString(text) {
		return nil
	}
	return errors.New("user_id is a number such as 7, or exactly one {{identity.entity.metadata.<key>}} or {{identity.entity.aliases.<mount accessor>.metadata.<key>}}")
}

// TargetVaries tells whether the user of the role's tokens depends on the reader.
func (r *Role) TargetVaries() bool { return userIDTemplate.MatchString(r.UserID) }

// Target is the user of the token that the reader entityID gets; empty for the session's own.
func (s *Store) Target(r *Role, entityID string) (string, error) {
	if !r.TargetVaries() {
		return r.UserID, nil
	}
	if entityID == "" {
		return "", problem.Refuse("user_id is an identity template, and the reader's Vault token has no entity (root and orphan tokens have none)", "Read with a token of an auth method, for example after \"vault login -method=userpass username=<name>\"")
	}
	filled, err := s.target(r.UserID, entityID)
	if err != nil || client.CheckUserID(filled) != nil {
		return "", problem.Refuse(
			fmt.Sprintf("the reader's entity has no ProcessMaker user id where %s looks for it", r.UserID),
			fmt.Sprintf("Set that metadata of entity %s to the number of a user", entityID),
		)
	}
	return filled, nil
}
