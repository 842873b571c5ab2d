package hostile

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

const longestAnswer = 10 << 10

// attack is a mount on which hostile requests are tried one after the other,
// each on the same storage.
type attack struct {
	*mounttest.Mount
	stored map[string]string
	logged int
	// passwords are those of the users of ProcessMaker, which some requests change.
	passwords map[string]string
}

// NewAttack has a role of every way to sign in, and a credential.
func NewAttack(t *testing.T, mount mounttest.Maker) *attack {
	h := mounttest.NewReady(t, mount, map[string]any{"rotation_period": "1h"})
	personal := map[string]any{"credential_type": "personal_access_token"}
	h.MustWrite("roles/personal", h.RoleData(personal))
	h.MustWrite("roles/person", map[string]any{
		"credential_type": "personal_access_token", "grant_type": "authorization_code", "redirect_uri": mounttest.Callback,
	})
	h.MustWrite("roles/brought", map[string]any{"credential_type": "personal_access_token", "grant_type": "refresh_token"})
	h.Issue(nil)
	for _, path := range []string{"creds/personal", "static-creds/ci"} {
		resp, err := h.Do(logical.ReadOperation, path, nil)
		require.NoError(t, err)
		require.False(t, resp.IsError(), "%v", resp)
	}
	passwords := map[string]string{}
	for _, user := range h.Pm.Users() {
		passwords[user.Username] = user.Password
	}
	return &attack{Mount: h, stored: h.Snapshot(), passwords: passwords}
}

// restore puts everything back that an accepted request has changed.
func (a *attack) restore() {
	a.T.Helper()
	now := a.Snapshot()
	if maps.Equal(now, a.stored) {
		return
	}
	ctx := context.Background()
	for key := range now {
		require.NoError(a.T, a.Storage.Storage.Delete(ctx, key))
	}
	for key, value := range a.stored {
		require.NoError(a.T, a.Storage.Storage.Put(ctx, &logical.StorageEntry{Key: key, Value: []byte(value)}))
	}
	for name, password := range a.passwords {
		a.Pm.SetPassword(name, password)
	}
	a.ForgetAll()

}

// Try sends one request as Vault does and requires of the answer what every
// answer owes.
func (a *attack) Try(what string, operation logical.Operation, path string, data map[string]any) (int, string) {
	a.T.Helper()
	defer a.restore()
	if operation == logical.CreateOperation || operation == logical.UpdateOperation {
		_, _, err := a.Backend.HandleExistenceCheck(context.Background(), &logical.Request{Operation: operation, Path: path, Data: maps.Clone(data), Storage: a.Storage})
		if err != nil {
			require.NotContains(a.T, err.Error(), mounttest.Canary, what)
			require.Less(a.T, len(err.Error()), longestAnswer, what)
		}
	}
	resp, err := a.Do(operation, path, data)
	code, text := mounttest.Status(resp, err), mounttest.Message(resp, err)
	require.Less(a.T, code, 500, "%s: %.300s", what, text)
	require.NotContains(a.T, text, mounttest.Canary, what)
	require.Less(a.T, len(text), longestAnswer, what)
	require.True(a.T, utf8.ValidString(text), what)
	if code != 200 {
		require.Equal(a.T, a.stored, a.Snapshot(), "%s: refused (%s), and something was stored", what, text)
	}
	log := a.Log.String()
	require.NotContains(a.T, log[a.logged:], "recovered from a panic", what)
	require.NotContains(a.T, log[a.logged:], mounttest.Canary, what)
	a.logged = len(log)
	if code == 200 && (operation == logical.CreateOperation || operation == logical.UpdateOperation || operation == logical.PatchOperation) {
		a.checkStored(what, path)
	}
	return code, text
}

// checkStored reads back what a write has left, from memory and from storage.
func (a *attack) checkStored(what, path string) {
	a.T.Helper()
	if path != "config" && !strings.HasPrefix(path, "roles/") {
		return
	}
	written := a.Read(path)
	require.NotNil(a.T, written, what)
	a.ForgetAll()

	require.Equal(a.T, written, a.Read(path), "%s: storage has changed it", what)
	for field, value := range written {
		if field != "ca_cert" && field != "client_cert" {
			require.Less(a.T, len(fmt.Sprint(value)), longestAnswer, "%s: %s", what, field)
		}
	}
}

var captureGroup = regexp.MustCompile(`\(\?P<(\w+)>`)

// PathsOf are addresses that a pattern serves: one for each of the names.
func (a *attack) PathsOf(pattern string, names ...string) []string {
	a.T.Helper()
	id := string(a.RecordIDs()[0])
	address := strings.TrimSuffix(strings.Trim(pattern, "^$"), "/?")
	paths := map[string]bool{}
	for _, name := range names {
		paths[fillCaptures(address, map[string]string{"credential_id": id}, name)] = true
	}
	served := []string{}
	for path := range paths {
		require.NotNil(a.T, a.Backend.Route(path), "%s made of %s", path, pattern)
		served = append(served, path)
	}
	return served
}

// fillCaptures puts values in place of the named groups of a pattern.
func fillCaptures(pattern string, values map[string]string, otherwise string) string {
	for {
		found := captureGroup.FindStringSubmatchIndex(pattern)
		if found == nil {
			return pattern
		}
		end, depth := found[1], 1
		for ; depth > 0; end++ {
			switch pattern[end] {
			case '(':
				depth++
			case ')':
				depth--
			}
		}
		value, known := values[pattern[found[2]:found[3]]]
		if !known {
			value = otherwise
		}
		pattern = pattern[:found[0]] + value + pattern[end:]
	}
}

// Wanted is what a request of a path needs to be a good one but for the field
// under attack.
func (a *attack) Wanted(operation logical.Operation, path string) map[string]any {
	switch {
	case path == "config":
		data := map[string]any{"verify_connection": false, "client_secret": a.Pm.Client(3).Secret}
		if operation == logical.CreateOperation {
			data = a.ConfigData()
			data["verify_connection"] = false
		}
		return data
	case strings.HasPrefix(path, "roles/") && operation == logical.CreateOperation:
		return a.RoleData(nil)
	case path == "sessions/person":
		return map[string]any{"code": "def502" + mounttest.Canary, "state": "unknown"}
	case path == "sessions/brought":
		return map[string]any{"refresh_token": "def502" + mounttest.Canary}
	}
	return nil
}

// HostileFields puts everything into every field of every path.
func HostileFields(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	a := NewAttack(t, mount)
	values := hostileValues()
	values["100 certificates"] = strings.Repeat(a.Pm.CACertPEM(), 100)
	tried := map[string]int{}
	for _, path := range a.Backend.Framework().Paths {
		for operation := range path.Operations {
			for _, address := range a.PathsOf(path.Pattern, a.namesFor(path, operation)...) {
				for field, schema := range path.Fields {
					a.attackField(operation, address, field, fitting(operation, schema.Query, values), tried)
				}
				a.attackField(operation, address, "unknown_field", fitting(operation, false, values), tried)
			}
		}
	}
	for _, code := range []string{"200", "400"} {
		require.NotZero(t, tried[code], "%v", tried)
	}
	t.Logf("answers: %v", tried)
}

// namesFor are the roles that a path is tried with: those that get furthest.
func (a *attack) namesFor(path *framework.Path, operation logical.Operation) []string {
	switch {
	case operation == logical.CreateOperation:
		return []string{"fresh"}
	case strings.HasPrefix(path.Pattern, "^sessions/") && operation == logical.UpdateOperation:
		return []string{"ci", "person", "brought"}
	case strings.HasPrefix(path.Pattern, "^roles/") && operation == logical.PatchOperation:
		return []string{"personal"}
	default:
		return []string{"ci"}
	}
}

// fitting leaves of the values a few for requests that take none.
func fitting(operation logical.Operation, isQuery bool, values map[string]any) map[string]any {
	if isQuery || operation == logical.CreateOperation || operation == logical.UpdateOperation || operation == logical.PatchOperation {
		return values
	}
	few := map[string]any{}
	for _, name := range []string{"null", "1 MiB", "object", "NUL", "parent", "invalid UTF-8"} {
		few[name] = values[name]
	}
	return few
}

func (a *attack) attackField(operation logical.Operation, path, field string, values map[string]any, tried map[string]int) {
	a.T.Helper()
	good := a.Wanted(operation, path)
	delete(good, field)
	usual, _ := a.Try(fmt.Sprintf("%s %s without %s", operation, path, field), operation, path, good)
	for name, value := range values {
		what := fmt.Sprintf("%s %s, %s = %s", operation, path, field, name)
		data := maps.Clone(good)
		if data == nil {
			data = map[string]any{}
		}
		data[field] = value
		code, text := a.Try(what, operation, path, data)
		tried[fmt.Sprint(code)]++
		if code != 200 && usual == 200 {
			require.Contains(a.T, text, field, what)
		}
	}
}
