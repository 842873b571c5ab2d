package role

import (
	"errors"
	"fmt"
	"regexp"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/problem"
)

// FillTemplate fills an identity template for an entity.
type FillTemplate func(template, entityID string) (string, error)

// userIDTemplate is the one form of identity template that a role may hold. In a
// freer one, readers that name themselves could choose the user.
var userIDTemplate = regexp.MustCompile(`^\{\{\s*identity\.entity\.metadata\.[A-Za-z0-9_.-]+\s*\}\}$`)

// checkUserID refuses texts that are neither a user nor a template of one.
func checkUserID(text string) error {
	if text == "" || client.CheckUserID(text) == nil || userIDTemplate.MatchString(text) {
		return nil
	}
	return errors.New("user_id is a number, or exactly one {{identity.entity.metadata.<key>}}")
}

// TargetVaries tells whether the user of the role's tokens depends on the reader.
func (r *Role) TargetVaries() bool { return userIDTemplate.MatchString(r.UserID) }

// Target is the id of the user whose token a reader gets; empty for the session's
// own user. entityID is the reader's.
func (s *Store) Target(r *Role, entityID string) (string, error) {
	if !r.TargetVaries() {
		return r.UserID, nil
	}
	if entityID == "" {
		return "", problem.Refuse("user_id is an identity template, and the reader's Vault token has no entity (root and orphan tokens have none)", "Read with a token of an auth method")
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
