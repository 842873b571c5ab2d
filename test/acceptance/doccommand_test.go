//go:build unix

package acceptance

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openAPI is as much as these tests read of what Vault says of the engine.
type openAPI struct {
	Paths map[string]struct {
		Parameters []struct{ Name, In string }
		Get        *openAPIOperation
		Post       *openAPIOperation
		Delete     *openAPIOperation
	}
	Components struct {
		Schemas map[string]struct{ Properties map[string]any }
	}
}

type openAPIOperation struct {
	Parameters  []struct{ Name, In string }
	RequestBody struct {
		Content map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			}
		}
	}
}

// description asks Vault for the engine's OpenAPI document.
func (m *mount) description() (doc openAPI) {
	m.t.Helper()
	help, err := m.client.Help(m.path)
	require.NoError(m.t, err)
	text, err := json.Marshal(help.OpenAPI)
	require.NoError(m.t, err)
	require.NoError(m.t, json.Unmarshal(text, &doc))
	require.NotEmpty(m.t, doc.Paths)
	return doc
}

var pathParameter = regexp.MustCompile(`\\\{\w+\\\}`)

// check says what is wrong with a command, nothing if it fits the engine.
func (doc openAPI) check(command vaultCommand) string {
	// A path without a name in it comes before one that has a name in its place.
	templates := slices.Sorted(maps.Keys(doc.Paths))
	slices.SortStableFunc(templates, func(a, b string) int { return strings.Count(a, "{") - strings.Count(b, "{") })
	for _, template := range templates {
		path := doc.Paths[template]
		// A name that stands for another is in a page <name> or $name.
		pattern := pathParameter.ReplaceAllString(regexp.QuoteMeta(strings.Trim(template, "/")), `[^/]+`)
		if !regexp.MustCompile("^" + pattern + "$").MatchString(strings.Trim(command.path, "/")) {
			continue
		}
		operation := map[string]*openAPIOperation{
			"read": path.Get, "list": path.Get, "write": path.Post, "patch": path.Post, "delete": path.Delete,
		}[command.verb]
		if operation == nil {
			return fmt.Sprintf("%s has no %s", template, command.verb)
		}
		var known []string
		for _, parameter := range operation.Parameters {
			known = append(known, parameter.Name)
		}
		for _, content := range operation.RequestBody.Content {
			schema := strings.TrimPrefix(content.Schema.Ref, "#/components/schemas/")
			for name := range doc.Components.Schemas[schema].Properties {
				known = append(known, name)
			}
		}
		for _, field := range command.fields {
			if !slices.Contains(known, field) {
				return fmt.Sprintf("%s of %s has no field %s", command.verb, template, field)
			}
		}
		return ""
	}
	return "there is no path " + command.path
}

// Every command of the pages that asks this engine, also one within a sentence,
// has a path and fields that the engine knows.
func TestCommandsInPagesFitTheEngine(t *testing.T) {
	t.Parallel()
	doc := newMount(t).description()
	checked := 0
	for _, page := range docPages(t) {
		for _, text := range shellTexts(t, page) {
			for _, command := range vaultCommands(text) {
				assert.Empty(t, doc.check(command), "%s: vault %s processmaker/%s", page, command.verb, command.path)
				checked++
			}
		}
	}
	assert.Greater(t, checked, 20)
}

// The check itself sees what is wrong.
func TestCommandCheck(t *testing.T) {
	t.Parallel()
	doc := newMount(t).description()
	for text, wrong := range map[string]string{
		"vault read processmaker/creds/ci ttl=1m":                                              "",
		`x=$(vault read -field=lease_id "processmaker/creds/ci")`:                              "",
		"vault write processmaker/roles/<name> \\\n  username=a password=@b.txt # not=a-field": "",
		"vault write processmaker/roles/ci 'user_id={{identity.entity.id}}' | cat x=y":         "",
		"vault list processmaker/roles":                                                        "",
		"vault delete processmaker/sessions/$role":                                             "",
		"vault read processmaker/credits/ci":                                                   "no path",
		"vault read processmaker/creds/ci tll=1m":                                              "no field tll",
		"vault write processmaker/roles/ci username=a pasword=b":                               "no field pasword",
		"vault delete processmaker/creds/ci":                                                   "no delete",
	} {
		commands := vaultCommands(text)
		if assert.Len(t, commands, 1, text) {
			if wrong == "" {
				assert.Empty(t, doc.check(commands[0]), text)
			} else {
				assert.Contains(t, doc.check(commands[0]), wrong, text)
			}
		}
	}
}
