package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// mintingTime is within which a token is made if it ever is: longer than a request
// to Vault and ProcessMaker's own work on a call whose answer was given up take.
const mintingTime = 2 * time.Minute

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
	// asOf is when the listing began.
	asOf time.Time
}

// id is that of the token with a name; empty where there is none. known is false
// where one that was issued then may have been made since.
func (u *userTokens) id(name string, issued time.Time) (id string, known bool) {
	id = u.byName[name]
	return id, id != "" || u.asOf.Sub(issued) >= mintingTime
}

func newTokenFinder() *tokenFinder { return &tokenFinder{users: map[string]*userTokens{}} }

// of returns the tokens of a user as list found them the first time that it
// succeeded.
func (f *tokenFinder) of(userID string, now func() time.Time, list func() ([]client.NamedToken, error)) (*userTokens, error) {
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
		return user, nil
	}
	asOf := now()
	tokens, err := list()
	if err != nil {
		return nil, err
	}
	user.asOf = asOf
	user.byName = make(map[string]string, len(tokens))
	for _, token := range tokens {
		user.byName[token.Name] = token.ID
	}
	return user, nil
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
		tokens, err := finder.of(record.UserID, b.clock.Now, func() ([]client.NamedToken, error) {
			return listTokens(ctx, s, session.token(), record.UserID)
		})
		if err != nil {
			return err
		}
		id, known := tokens.id(record.TokenName, record.IssueTime)
		switch {
		case !known:
			return fmt.Errorf("its token may be being made just now; try again in %s", mintingTime)
		case id == "":
			return nil
		}
		return s.client.RevokeTokenOf(ctx, session.token(), record.UserID, id)
	})
	if err != nil {
		return fmt.Errorf("credential %s of role %q may still live: %w", record.ID, record.Role, err)
	}
	return nil
}
