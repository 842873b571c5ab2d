package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// foreignTokens lists the personal access tokens of the role's user that this
// mount has no record of. A token has its user's full rights, to make further
// tokens included, and those do not end with it.
// unreadable is one of the records that cannot be read, nil where there are none.
func (b *backend) foreignTokens(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings) (foreign []client.NamedToken, unreadable *ledger.Unreadable, err error) {
	if userIDTemplate.MatchString(role.UserID) {
		return nil, nil, &refusal{"user_id is an identity template, so the role has no one user whose tokens could be listed", "Look at the users' tokens in ProcessMaker"}
	}
	all, err := b.tokensOfRole(ctx, storage, role, s)
	if err != nil {
		return nil, nil, err
	}
	due, err := b.dueTokenNames(ctx, storage)
	if unreadable = unreadableRecord(err); err != nil && unreadable == nil {
		return nil, nil, err
	}
	foreign = []client.NamedToken{}
	for _, token := range all {
		ours, err := b.isOurs(ctx, storage, token.Name, due)
		if bad := unreadableRecord(err); bad != nil {
			// Whoever ends the token of a damaged record has to find it.
			unreadable, ours, err = bad, !bad.Damaged, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if !ours {
			foreign = append(foreign, token)
		}
	}
	return foreign, unreadable, nil
}

func (b *backend) tokensOfRole(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings) (tokens []client.NamedToken, err error) {
	if role.CredentialType == credentialTypePersonalToken {
		err = b.asSession(ctx, storage, role, s, func(session *session) error {
			userID := session.UserID
			if role.UserID != "" {
				userID = role.UserID
			}
			tokens, err = listTokens(ctx, s, session.token(), userID)
			return err
		})
		return tokens, err
	}
	// Such a role has no session; a login is made for the question alone.
	grant, auth, err := b.login(ctx, storage, role, s)
	if err != nil {
		return nil, err
	}
	record, err := b.recordLogin(storage, role.name, &role.role, auth, grant, "status")
	if err != nil {
		b.endUnrecorded(s, grant.Access, role.name)
		return nil, err
	}
	defer b.endLogin(storage, s, record)
	return listTokens(ctx, s, grant.Access, grant.Access.UserID)
}

// listTokens collects the personal access tokens of a user.
func listTokens(ctx context.Context, s *settings, bearer client.Token, userID string) (tokens []client.NamedToken, err error) {
	err = s.client.PersonalTokens(ctx, bearer, userID, func(token client.NamedToken) { tokens = append(tokens, token) })
	if err != nil {
		return nil, err
	}
	return tokens, nil
}

// isOurs tells whether a record stands behind the name of a token: a name that
// looks like ours can be given by anybody.
func (b *backend) isOurs(ctx context.Context, storage logical.Storage, name string, due map[string]bool) (bool, error) {
	if due[name] {
		return true, nil
	}
	text := name[strings.LastIndex(name, ":")+1:]
	id, err := ledger.ParseID(text)
	if err != nil || !strings.HasPrefix(name, fmt.Sprintf("vault:%s:", b.shortMountID())) {
		return false, nil
	}
	record, err := ledger.Get(ctx, storage, id)
	return record != nil && record.TokenName == name, err
}

// dueTokenNames are the names of tokens whose record was put down as due, under
// another id than the name's. They are all that can be read even where the error
// is about one that cannot.
func (b *backend) dueTokenNames(ctx context.Context, storage logical.Storage) (map[string]bool, error) {
	names := map[string]bool{}
	_, err := b.findDue(ctx, storage, func(record *ledger.Record) bool {
		names[record.TokenName] = true
		return false
	})
	delete(names, "")
	return names, err
}

func foreignAnswer(tokens []client.NamedToken) []map[string]any {
	answer := make([]map[string]any, 0, len(tokens))
	for _, token := range tokens {
		answer = append(answer, map[string]any{"id": token.ID, "name": token.Name, "created_time": timeText(token.CreatedTime)})
	}
	return answer
}

// timeText is how answers tell a time; empty where there is none.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
