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
	"vault-plugin-secrets-processmaker/internal/problem"
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
	listed bool
	// byName holds every token of a name: the holder of a token can make more of the same name.
	byName map[string][]string
	// unnamed are old tokens without a name: ProcessMaker stores a token before it names it, so that
	// a creation which was cut off leaves one that never left the server.
	unnamed []string
	// nameless: there are younger ones, too, which may be getting their names.
	nameless bool
	// asOf is when the listing began.
	asOf time.Time
}

// unnamedAge is how old a token without a name has to be: younger ones may be getting theirs.
const unnamedAge = 5 * time.Minute

func (u *userTokens) add(token client.NamedToken) {
	switch {
	case token.Name != "":
		u.byName[token.Name] = append(u.byName[token.Name], token.ID)
	case u.asOf.Sub(token.CreatedTime) >= unnamedAge:
		u.unnamed = append(u.unnamed, token.ID)
	default:
		u.nameless = true
	}
}

// ids are those of the tokens with a name. wait is for how long one may yet turn up: it may be being
// made, or it may be a young one without a name that was made at issued.
func (u *userTokens) ids(name string, issued time.Time) (ids []string, wait time.Duration) {
	ids = u.byName[name]
	switch {
	case len(ids) > 0 || issued.IsZero():
		return ids, 0
	case u.asOf.Sub(issued) < MintingTime:
		return nil, MintingTime
	case u.nameless:
		return nil, unnamedAge
	default:
		return nil, 0
	}
}

// NewLookup knows nothing yet.
func NewLookup() *Lookup { return &Lookup{users: map[string]*userTokens{}} }

// of returns the tokens of a user as the first list that succeeded found them.
func (f *Lookup) of(userID string, now func() time.Time, list func(each func(client.NamedToken)) error) (*userTokens, error) {
	f.mu.Lock()
	user := f.users[userID]
	if user == nil {
		user = &userTokens{}
		f.users[userID] = user
	}
	f.mu.Unlock()
	user.mu.Lock()
	defer user.mu.Unlock()
	if user.listed {
		return user, nil
	}
	user.asOf, user.byName, user.unnamed, user.nameless = now(), map[string][]string{}, nil, false
	if err := list(user.add); err != nil {
		return nil, err
	}
	user.listed = true
	return user, nil
}

// takeUnnamed returns the tokens without a name to the first caller that asks.
func (u *userTokens) takeUnnamed() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.unnamed
	u.unnamed = nil
	return taken
}

// putBack leaves tokens without a name to another caller.
func (u *userTokens) putBack(ids []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.unnamed = append(u.unnamed, ids...)
}

// EndNamesakes ends every token that bears the name of a record whose own token is dead: the holder
// of a token can make more under its name.
func (s *Service) EndNamesakes(ctx context.Context, record *ledger.Record) error {
	inst, err := s.Instances.Current(ctx)
	if err != nil || inst == nil || inst.Config.URL != record.Fingerprint.URL || record.TokenName == "" || !record.HasToken() {
		return err
	}
	namesake := *record
	namesake.IssueTime = time.Time{} // its own token is made: none of the name is fine
	return s.endByName(ctx, inst, &namesake, NewLookup())
}

// endByName ends a personal access token that is known by name alone, with its role's session.
func (s *Service) endByName(ctx context.Context, inst *instance.Instance, record *ledger.Record, lookup *Lookup) error {
	entry, err := s.Roles.Get(ctx, record.Role)
	if err != nil {
		return err
	}
	if entry == nil {
		return s.beyondLookup(record, fmt.Sprintf("role %q, whose session could find it by the name %q, is deleted", record.Role, record.TokenName))
	}
	bound, err := entry.BindTo(inst)
	if err == nil {
		err = s.sessions.Do(ctx, bound, func(session *session.Session) error {
			return s.endNamed(ctx, bound, record, session, lookup)
		})
	}
	switch kind := client.KindOf(err); {
	case err == nil:
		return nil
	case kind == client.Forbidden || kind == client.NotFound:
		return s.beyondLookup(record, fmt.Sprintf("the present user of role %q may not look for it by the name %q among the tokens of user %s (%s)", record.Role, record.TokenName, record.UserID, err))
	default:
		return fmt.Errorf("credential %s of role %q may still live: %w", record.ID, record.Role, err)
	}
}

// beyondLookup is the error about a token that nobody can look up. Its lease, if it has one, ends it.
func (s *Service) beyondLookup(record *ledger.Record, why string) error {
	if record.State == ledger.Live && !record.Shared && !record.HasToken() && s.Clock.Now().Before(record.Deadline) {
		return &problem.Error{Text: fmt.Sprintf("credential %s still lives: %s. Its lease alone holds its token and ends it: revoke the lease", record.ID, why)}
	}
	return outOfReach(record.ID, "may still live, and "+why+": delete that token in ProcessMaker")
}

// endNamed ends every token of the record's name, and the user's old tokens without a name.
func (s *Service) endNamed(ctx context.Context, bound *role.Binding, record *ledger.Record, session *session.Session, lookup *Lookup) error {
	tokens, err := lookup.of(record.UserID, s.Clock.Now, func(each func(client.NamedToken)) error {
		return bound.Client.PersonalTokens(ctx, session.Token(), record.UserID, each)
	})
	if err != nil {
		return err
	}
	ids, wait := tokens.ids(record.TokenName, record.IssueTime)
	for _, id := range ids {
		if err := bound.Client.RevokeTokenOf(ctx, session.Token(), record.UserID, id); err != nil {
			return err
		}
	}
	unnamed := tokens.takeUnnamed()
	for i, id := range unnamed {
		if err := bound.Client.RevokeTokenOf(ctx, session.Token(), record.UserID, id); err != nil {
			tokens.putBack(unnamed[i:])
			return fmt.Errorf("token %s, which has no name and may be its own, could not be ended: %w", id, err)
		}
	}
	if wait > 0 {
		return fmt.Errorf("its token may have been made a moment ago and have no name yet; try again in %s", wait)
	}
	return nil
}
