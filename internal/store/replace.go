package store

import (
	"context"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/internal/problem"
)

// Verify is a Conflict unless the entry under key is stored as known; nil stands
// for no entry. Storage cannot compare and write at once, so a moment remains in
// which another node can write: a moment in place of the length of an exchange
// with ProcessMaker.
func Verify[E any, P interface {
	*E
	Entry
}](ctx context.Context, storage logical.Storage, key string, known *E, name Name) error {
	stored, err := Get[E, P](ctx, storage, key, name)
	switch {
	case err != nil && !IsUnreadable(err):
		return err
	case err == nil && stored == nil && known == nil:
		return nil
	case err == nil && stored != nil && known != nil && same(P(stored), P(known)):
		return nil
	}
	return problem.Conflictf("%s was changed at the same time by another request or another node of the cluster; try again", name.What)
}

// Replace is compare-and-swap: it stores next under key in place of known. nil
// stands for no entry, on both sides.
func Replace[E any, P interface {
	*E
	Entry
}](ctx context.Context, storage logical.Storage, key string, known, next *E, name Name) error {
	if err := Verify[E, P](ctx, storage, key, known, name); err != nil {
		return err
	}
	if next == nil {
		return storage.Delete(ctx, key)
	}
	return Put(ctx, storage, key, P(next))
}
