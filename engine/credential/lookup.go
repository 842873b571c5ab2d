package credential

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/session"
)

// MintingTime is within which a token is made if it ever is: longer than a request to Vault takes,
// and longer than ProcessMaker works at a call that was given up.
const MintingTime = 2 * time.Minute

// Lookup finds personal access tokens by name. Listing is expensive: one for each user serves all.
type Lookup struct {
	mu    sync.Mutex
	users map[string]*userTokens
}

type userTokens struct {
	// mu is held over the listing, which serves every caller that looks for a token of this user.
	mu     sync.Mutex
	byName map[string]string // nil until listed
	// asOf is when the listing began.
	asOf time.Time
}

// id is that of the token with a name, if any. known is false where it may have been made since.
func (u *userTokens) id(name string, issued time.Time) (id string, known bool) {
	id = u.byName[name]
	return id, id != "" || u.asOf.Sub(issued) >= MintingTime
}

// NewLookup knows nothing yet.
func NewLookup() *Lookup { return &Lookup{users: map[string]*userTokens{}} }

// of returns the tokens of a user as the first list that succeeded found them.
func (f *Lookup) of(userID string, now func() time.Time, list func() ([]client.NamedToken, error)) (*userTokens, error) {
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

// endByName ends a personal access token that is known by name alone, with its role's session.
func (s *Service) endByName(ctx context.Context, inst *instance.Instance, record *ledger.Record, lookup *Lookup) error {
	entry, err := s.Roles.Get(ctx, record.Role)
	if err != nil {
		return err
	}
	if entry == nil {
		return fmt.Errorf("credential %s may still live, and role %q, whose session could find it by the name %q, is deleted: delete that token in ProcessMaker", record.ID, record.Role, record.TokenName)
	}
	bound, err := entry.BindTo(inst)
	if err == nil {
		err = s.sessions.Do(ctx, bound, func(session *session.Session) error {
			return s.endNamed(ctx, bound, record, session, lookup)
		})
	}
	if err != nil {
		return fmt.Errorf("credential %s of role %q may still live: %w", record.ID, record.Role, err)
	}
	return nil
}

func (s *Service) endNamed(ctx context.Context, bound *role.Binding, record *ledger.Record, session *session.Session, lookup *Lookup) error {
	tokens, err := lookup.of(record.UserID, s.Clock.Now, func() ([]client.NamedToken, error) {
		return bound.Client.PersonalTokens(ctx, session.Token(), record.UserID)
	})
	if err != nil {
		return err
	}
	id, known := tokens.id(record.TokenName, record.IssueTime)
	switch {
	case !known:
		return fmt.Errorf("its token may be being made just now; try again in %s", MintingTime)
	case id == "":
		return nil
	}
	return bound.Client.RevokeTokenOf(ctx, session.Token(), record.UserID, id)
}
