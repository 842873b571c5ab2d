package trail

import (
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
)

// tokens is the tree of the Vault tokens that made others: their end ends those, and what those hold.
// Logins make no tree, so that it grows with what auth/token/create makes and lives.
type tokens struct {
	known    map[string]*vaultToken
	nextLook time.Time
}

type vaultToken struct {
	keys     []string
	parent   *vaultToken
	children map[*vaultToken]bool
	// expires is zero for those that only made others.
	expires time.Time
}

func newTokens() *tokens { return &tokens{known: map[string]*vaultToken{}} }

// take follows the answers of auth/token/.
func (t *tokens) take(at time.Time, e *logfile.Entry) {
	made := e.Response.Auth
	path := strings.TrimPrefix(e.Request.Path, "auth/token/")
	switch {
	case made.ClientToken == "" && made.Accessor == "":
	case strings.HasPrefix(path, "renew"):
		if token := t.known[made.Accessor]; token != nil && made.Accessor != "" {
			token.expires = until(at, made.TokenTTL)
		}
	case path == "create" || strings.HasPrefix(path, "create/"):
		if e.Request.Data.Fields().Text("no_parent") == "true" {
			return
		}
		parent := t.named(keysOf(e)...)
		child := t.named(made.Accessor, made.ClientToken)
		if child.parent == nil && child != parent {
			child.parent, child.expires = parent, until(at, made.TokenTTL)
			parent.children[child] = true
		}
	}
}

// foreverTTL stands for tokens that do not run out.
const foreverTTL = 10 * 365 * 24 * time.Hour

func until(at time.Time, seconds float64) time.Time {
	if seconds <= 0 {
		return at.Add(foreverTTL)
	}
	return at.Add(time.Duration(seconds) * time.Second)
}

// named is the token with one of these keys, which has them all from now on.
func (t *tokens) named(keys ...string) *vaultToken {
	var token *vaultToken
	for _, key := range keys {
		if key != "" && token == nil {
			token = t.known[key]
		}
	}
	if token == nil {
		token = &vaultToken{children: map[*vaultToken]bool{}}
	}
	for _, key := range keys {
		if key != "" && t.known[key] == nil {
			t.known[key] = token
			token.keys = append(token.keys, key)
		}
	}
	return token
}

// family are the keys of a token and, with all, of those that end with it.
func (t *tokens) family(all bool, keys ...string) []string {
	found := keys
	for _, key := range keys {
		if token := t.known[key]; key != "" && token != nil {
			found = append(found, token.keys...)
			if all {
				found = append(found, token.below()...)
			}
			break
		}
	}
	return found
}

func (v *vaultToken) below() (keys []string) {
	for child := range v.children {
		keys = append(append(keys, child.keys...), child.below()...)
	}
	return keys
}

// pass forgets what has run out.
func (t *tokens) pass(now time.Time) {
	if now.Before(t.nextLook) {
		return
	}
	t.nextLook = now.Add(time.Minute)
	for key, token := range t.known {
		over := token.parent == nil && len(token.children) == 0
		if !over && (token.expires.IsZero() || now.Before(token.expires)) {
			continue
		}
		delete(t.known, key)
		if token.parent != nil {
			delete(token.parent.children, token)
		}
	}
}
