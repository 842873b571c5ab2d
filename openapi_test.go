package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/test/mounttest"
)

// update writes golden files anew instead of comparing with them.
var update = flag.Bool("update", false, "write golden files anew")

const openAPIFile = "test/testdata/openapi.json"

// TestOpenAPIIsAsPublished: what tools and people were told of paths, fields
// and answers changes only on purpose. After a wanted change, run
// "go test . -run OpenAPI -update" and look at the difference.
func TestOpenAPIIsAsPublished(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	resp, err := h.Request(t.Context(), logical.HelpOperation, "", map[string]any{"requestResponsePrefix": "processmaker"})
	require.NoError(t, err, h.Log.String())
	document, err := json.MarshalIndent(resp.Data["openapi"], "", "  ")
	require.NoError(t, err)
	document = append(document, '\n')
	if *update {
		require.NoError(t, os.MkdirAll("test/testdata", 0o755))
		require.NoError(t, os.WriteFile(openAPIFile, document, 0o644))
	}
	require.Equal(t, mounttest.TextOf(t, openAPIFile), string(document))
}

const apiPage = "docs/api.md"

// generatedPart is a part of the page that is made from the code: the marker's
// word names the path, or the answer of one.
var generatedPart = regexp.MustCompile(`(?s)<!-- (parameters|answer) of ([^ ]+) -->\n.*?<!-- end -->`)

// TestAPIPageIsComplete: every path, method, parameter and answer stands on the
// page as the code has it. After a wanted change, run
// "go test . -run APIPage -update".
func TestAPIPageIsComplete(t *testing.T) {
	t.Parallel()
	paths := map[string]*framework.Path{}
	for _, path := range newHarness(t).Backend.Framework().Paths {
		paths[pagePath(path.Pattern)] = path
	}
	page := mounttest.TextOf(t, apiPage)
	described := map[string]bool{}
	generated := generatedPart.ReplaceAllStringFunc(page, func(part string) string {
		found := generatedPart.FindStringSubmatch(part)
		kind, name := found[1], found[2]
		path := paths[name]
		require.NotNil(t, path, "the page tells of a path %q that is not there", name)
		described[kind+" of "+name] = true
		text := parametersOf(name, path)
		if kind == "answer" {
			text = answerOf(path)
		}
		return fmt.Sprintf("<!-- %s of %s -->\n%s<!-- end -->", kind, name, text)
	})
	for name, path := range paths {
		require.True(t, described["parameters of "+name], "the page leaves out %q", name)
		if answerOf(path) != "" {
			require.True(t, described["answer of "+name], "the page leaves out the answer of %q", name)
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(apiPage, []byte(generated), 0o644))
		return
	}
	require.Equal(t, generated, page)
}

// pagePath writes a path's pattern as Vault's pages do: creds/:name.
func pagePath(pattern string) string {
	var text strings.Builder
	pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	for pattern != "" {
		name, isGroup := strings.CutPrefix(pattern, "(?P<")
		if !isGroup {
			text.WriteByte(pattern[0])
			pattern = pattern[1:]
			continue
		}
		name, _, _ = strings.Cut(name, ">")
		text.WriteString(":" + name)
		depth := 0
		for i, c := range pattern {
			if c == '(' {
				depth++
			}
			if c == ')' {
				depth--
			}
			if depth == 0 {
				pattern = pattern[i+1:]
				break
			}
		}
	}
	return strings.TrimSuffix(text.String(), "/?")
}

// methods are what Vault makes of operations.
var methods = []struct {
	name       string
	operations []logical.Operation
}{
	{"LIST", []logical.Operation{logical.ListOperation}},
	{"POST", []logical.Operation{logical.CreateOperation, logical.UpdateOperation}},
	{"PATCH", []logical.Operation{logical.PatchOperation}},
	{"GET", []logical.Operation{logical.ReadOperation}},
	{"DELETE", []logical.Operation{logical.DeleteOperation}},
}

func parametersOf(name string, path *framework.Path) string {
	var text strings.Builder
	text.WriteString("| Method | Path | |\n| :- | :- | :- |\n")
	for _, method := range methods {
		for _, operation := range method.operations {
			if handler := path.Operations[operation]; handler != nil {
				fmt.Fprintf(&text, "| `%s` | `/processmaker/%s` | %s |\n", method.name, name, handler.Properties().Summary)
				break
			}
		}
	}
	if len(path.Fields) == 0 {
		return text.String()
	}
	text.WriteString("\n")
	for _, field := range sortedFields(path.Fields, name) {
		schema := path.Fields[field]
		fmt.Fprintf(&text, "- `%s` `(%s: %s)` - %s\n", field, pageType(schema), pageDefault(schema), pageDescription(schema))
	}
	return text.String()
}

// answerOf lists the fields of the richest answer of a path.
func answerOf(path *framework.Path) string {
	var fields map[string]*framework.FieldSchema
	for _, handler := range path.Operations {
		for _, responses := range handler.Properties().Responses {
			for _, response := range responses {
				if len(response.Fields) > len(fields) {
					fields = response.Fields
				}
			}
		}
	}
	if fields == nil {
		return ""
	}
	var text strings.Builder
	for _, field := range sortedFields(fields, "") {
		fmt.Fprintf(&text, "- `%s` `(%s)` - %s\n", field, answerType(fields[field]), fields[field].Description)
	}
	return text.String()
}

// sortedFields puts what stands in the path first.
func sortedFields(fields map[string]*framework.FieldSchema, path string) []string {
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	inPath := func(name string) bool { return strings.Contains(path, ":"+name) }
	slices.SortFunc(names, func(a, b string) int {
		switch {
		case inPath(a) && !inPath(b), fields[a].Required && !fields[b].Required:
			return -1
		case inPath(b) && !inPath(a), fields[b].Required && !fields[a].Required:
			return 1
		default:
			return strings.Compare(a, b)
		}
	})
	return names
}

func pageType(schema *framework.FieldSchema) string {
	switch schema.Type {
	case framework.TypeDurationSecond:
		return "duration"
	case framework.TypeCommaStringSlice, framework.TypeStringSlice, framework.TypeSlice:
		return "list"
	default:
		return schema.Type.String()
	}
}

// answerType: durations are answered in seconds.
func answerType(schema *framework.FieldSchema) string {
	if schema.Type == framework.TypeDurationSecond {
		return "int"
	}
	return pageType(schema)
}

func pageDefault(schema *framework.FieldSchema) string {
	switch {
	case schema.Required:
		return "<required>"
	case schema.Type == framework.TypeDurationSecond:
		return (time.Duration(schema.DefaultOrZero().(int)) * time.Second).String()
	case pageType(schema) == "list" && schema.Default == nil:
		return "[]"
	default:
		value, err := json.Marshal(schema.DefaultOrZero())
		if err != nil {
			return err.Error()
		}
		return string(value)
	}
}

func pageDescription(schema *framework.FieldSchema) string {
	text := schema.Description
	if len(schema.AllowedValues) > 0 {
		var values []string
		for _, value := range schema.AllowedValues {
			values = append(values, fmt.Sprintf("`%v`", value))
		}
		text += " One of " + strings.Join(values, ", ") + "."
	}
	return text
}
