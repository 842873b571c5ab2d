package main

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
)

// userIDTemplate is the one form of identity template that a role may hold. A
// freer one could be filled by who can name themselves.
var userIDTemplate = regexp.MustCompile(`^\{\{\s*identity\.entity\.metadata\.[A-Za-z0-9_.-]+\s*\}\}$`)

// checkUserID refuses what can be neither a user nor a template of one.
func checkUserID(text string) error {
	if text == "" || client.CheckUserID(text) == nil || userIDTemplate.MatchString(text) {
		return nil
	}
	return errors.New("user_id is a number, or exactly one {{identity.entity.metadata.<key>}}")
}

// targetUser is the id of the user whose token a reader gets; empty for the
// session's own.
func (b *backend) targetUser(r *role, req *logical.Request) (string, error) {
	if !userIDTemplate.MatchString(r.UserID) {
		return r.UserID, nil
	}
	if req.EntityID == "" {
		return "", &refusal{"user_id is an identity template, and the reader's Vault token has no entity (root and orphan tokens have none)", "Read with a token of an auth method"}
	}
	filled, err := framework.PopulateIdentityTemplate(r.UserID, req.EntityID, b.System())
	if err != nil || client.CheckUserID(filled) != nil {
		return "", &refusal{
			text: fmt.Sprintf("the reader's entity has no ProcessMaker user id where %s looks for it", r.UserID),
			cure: fmt.Sprintf("Set that metadata of entity %s to the number of a user", req.EntityID),
		}
	}
	return filled, nil
}
