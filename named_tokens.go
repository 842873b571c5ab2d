package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// tokenFinder finds personal access tokens by their names. One listing of a
// user serves all that are looked for, because listing is dear for ProcessMaker.
type tokenFinder struct {
	mu    sync.Mutex
	users map[string]*userTokens
}

type userTokens struct {
	// mu is held over the listing, which everybody who looks for a token of
	// this user needs.
	mu     sync.Mutex
	byName map[string]string // nil until listed
}

func newTokenFinder() *tokenFinder { return &tokenFinder{users: map[string]*userTokens{}} }

// of returns the tokens of a user, by name, as list found them the first time
// that it succeeded.
func (f *tokenFinder) of(userID string, list func() ([]client.NamedToken, error)) (map[string]string, error) {
	f.mu.Lock()
	user := f.users[userID]
	if user == nil {
		user = &userTokens{}
		f.users[userID] = user
	}
	f.mu.Unlock()
	user.mu.Lock()
	defer user.mu.Unlock()
	if user.byName != nil {
		return user.byName, nil
	}
	tokens, err := list()
	if err != nil {
		return nil, err
	}
	user.byName = make(map[string]string, len(tokens))
	for _, token := range tokens {
		user.byName[token.Name] = token.ID
	}
	return user.byName, nil
}

// endByName ends a personal access token of which only the name is known, with
// the session of its role.
func (b *backend) endByName(ctx context.Context, storage logical.Storage, s *settings, record *ledger.Record, finder *tokenFinder) error {
	role, err := b.roles.load(ctx, storage, record.Role)
	if err != nil {
		return err
	}
	if role == nil {
		return fmt.Errorf("credential %s may still live, and role %q, whose session could find it by the name %q, is deleted: delete that token in ProcessMaker", record.ID, record.Role, record.TokenName)
	}
	err = b.asSession(ctx, storage, role, s, func(session *session) error {
		tokens, err := finder.of(record.UserID, func() ([]client.NamedToken, error) {
			return s.client.PersonalTokens(ctx, session.token(), record.UserID)
		})
		if err != nil {
			return err
		}
		id, lives := tokens[record.TokenName]
		if !lives {
			return nil
		}
		return s.client.RevokeTokenOf(ctx, session.token(), record.UserID, id)
	})
	if err != nil {
		return fmt.Errorf("credential %s of role %q may still live: %w", record.ID, record.Role, err)
	}
	return nil
}
