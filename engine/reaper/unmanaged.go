package reaper

import (
	"context"
	"fmt"
	"strings"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/session"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
)

// Unmanaged are the personal access tokens of a user that no record knows, and all of a name that
// more than one bears: no record knows which is its own.
type Unmanaged struct {
	Tokens []client.NamedToken
	// Unreadable is one of the records that cannot be read; nil if all can.
	Unreadable error
}

// Unmanaged lists the personal access tokens of the role's user that no record knows. A token has
// its user's full rights, to make further tokens included, and those do not end with it.
func (r *Reaper) Unmanaged(ctx context.Context, bound *role.Binding) (Unmanaged, error) {
	if bound.TargetVaries() {
		return Unmanaged{}, problem.Refuse("user_id is an identity template, so the role has no one user whose tokens could be listed", "Look at the users' tokens in ProcessMaker")
	}
	all, err := r.tokensOf(ctx, bound)
	if err != nil {
		return Unmanaged{}, err
	}
	due, err := r.dueTokenNames(ctx)
	if err != nil && !store.IsUnreadable(err) {
		return Unmanaged{}, err
	}
	found := Unmanaged{Tokens: []client.NamedToken{}, Unreadable: err}
	bearers := map[string]int{}
	for _, token := range all {
		bearers[token.Name]++
	}
	for _, token := range all {
		managed, err := r.isManaged(ctx, token.Name, due)
		if bad := store.AsUnreadable(err); bad != nil {
			// The token of a damaged record has to be found to be ended.
			found.Unreadable, managed, err = bad, bad.Newer, nil
		}
		if err != nil {
			return Unmanaged{}, err
		}
		if !managed || bearers[token.Name] > 1 {
			found.Tokens = append(found.Tokens, token)
		}
	}
	return found, nil
}

func (r *Reaper) tokensOf(ctx context.Context, bound *role.Binding) (tokens []client.NamedToken, err error) {
	if bound.CredentialType == role.CredentialTypePersonalToken {
		err = r.sessions.Do(ctx, bound, func(session *session.Session) error {
			userID := session.UserID
			if bound.UserID != "" {
				userID = bound.UserID
			}
			tokens, err = r.list(ctx, bound, session.Token(), userID)
			return err
		})
		return tokens, err
	}
	// Such a role has no session; a login is made for the question alone.
	grant, err := r.Broker.Login(ctx, bound)
	if err != nil {
		return nil, err
	}
	record, err := r.Broker.Register(bound, grant, "status")
	if err != nil {
		return nil, err
	}
	defer r.Broker.End(bound.Instance, record)
	return r.list(ctx, bound, grant.Access, grant.Access.UserID)
}

// isManaged tells whether a record stands behind a token's name, which anybody can make up.
func (r *Reaper) isManaged(ctx context.Context, name string, due map[string]bool) (bool, error) {
	if due[name] {
		return true, nil
	}
	text := name[strings.LastIndex(name, ":")+1:]
	id, err := ledger.ParseID(text)
	if err != nil || !strings.HasPrefix(name, fmt.Sprintf("vault:%s:", r.Ledger.Mount())) {
		return false, nil
	}
	record, err := r.Ledger.Get(ctx, id)
	return record != nil && record.TokenName == name, err
}

// dueTokenNames are the names of tokens whose record was marked due, under another id than the
// name's. They are all that can be read even where the error is about one that cannot.
func (r *Reaper) dueTokenNames(ctx context.Context) (map[string]bool, error) {
	names := map[string]bool{}
	_, err := r.Ledger.FindDue(ctx, func(record *ledger.Record) bool {
		names[record.TokenName] = true
		return false
	})
	delete(names, "")
	return names, err
}

func (r *Reaper) list(ctx context.Context, bound *role.Binding, bearer client.Token, userID string) (tokens []client.NamedToken, err error) {
	err = bound.Client.PersonalTokens(ctx, bearer, userID, func(token client.NamedToken) { tokens = append(tokens, token) })
	return tokens, err
}
