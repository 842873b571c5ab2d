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

	"vault-plugin-secrets-processmaker/internal/fields"
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

// generatedPart is a part of the page that is made from the code. Its marker names
// a path, and one of these: some methods, the parameters (after a colon some of
// them), or the answer.
var generatedPart = regexp.MustCompile(`(?s)<!-- (?:(method) ([A-Z ]+) |(parameters|answer) of )([^ ]+?)(?:: ([^>]+))? -->\n.*?<!-- end -->`)

// apiPageParts makes the generated parts of the page and notes what they describe.
type apiPageParts struct {
	t         *testing.T
	paths     map[string]*framework.Path
	described map[string]bool
}

// TestAPIPageIsComplete: every path, method, parameter and answer stands on the
// page as the code has it, and every method has a sample request in its section.
// After a wanted change, run "go test . -run APIPage -update".
func TestAPIPageIsComplete(t *testing.T) {
	t.Parallel()
	parts := apiPageParts{t: t, paths: map[string]*framework.Path{}, described: map[string]bool{}}
	for _, path := range newHarness(t).Backend.Framework().Paths {
		parts.paths[pagePath(path.Pattern)] = path
	}
	page, generated := mounttest.TextOf(t, apiPage), ""
	for _, section := range strings.SplitAfter(page, "\n## ") {
		generated += parts.generate(section)
	}
	for name, path := range parts.paths {
		for _, method := range methods {
			require.True(t, !hasMethod(path, method.name) || parts.described["method "+name+" "+method.name], "the page leaves out %s %s", method.name, name)
		}
		for field := range path.Fields {
			require.True(t, parts.described["parameters "+name+" "+field], "the page leaves out the parameter %s of %s", field, name)
		}
		for field := range answerFieldsOf(path) {
			require.True(t, parts.described["answer "+name+" "+field], "the page leaves out the field %s of the answer of %s", field, name)
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(apiPage, []byte(generated), 0o644))
		return
	}
	require.Equal(t, generated, page)
}

// generate makes the generated parts of a section as the code has them.
func (p apiPageParts) generate(section string) string {
	samples := sampleRequests(section)
	return generatedPart.ReplaceAllStringFunc(section, func(part string) string {
		marker, _, _ := strings.Cut(part, "\n")
		found := generatedPart.FindStringSubmatch(part)
		kind, name, chosen := found[1]+found[3], found[4], strings.Fields(found[2]+found[5])
		path := p.paths[name]
		require.NotNil(p.t, path, "the page tells of a path %q that is not there", name)
		var text string
		switch kind {
		case "method":
			for _, method := range chosen {
				require.True(p.t, hasMethod(path, method), "the page tells of %s %s, which is not there", method, name)
				isSample := func(sample sampleRequest) bool { return sample.isOf(method, name) }
				require.True(p.t, slices.ContainsFunc(samples, isSample), "its section has no sample request of %s %s", method, name)
				p.described["method "+name+" "+method] = true
			}
			text = methodsOf(name, chosen)
		case "parameters":
			for _, field := range chosen {
				require.Contains(p.t, path.Fields, field, "%s has no such parameter", name)
			}
			text = parametersOf(name, path, chosen)
		case "answer":
			text = answerOf(path)
		}
		for _, field := range describedField.FindAllStringSubmatch(text, -1) {
			p.described[kind+" "+name+" "+field[1]] = true
		}
		return marker + "\n" + text + "<!-- end -->"
	})
}

// describedField finds the names in a generated list.
var describedField = regexp.MustCompile("(?m)^- `([a-z_]+)`")

// sampleRequest is a call of curl on the page.
type sampleRequest struct{ method, path string }

var (
	curlBlock  = regexp.MustCompile("(?ms)^```sh\n(curl .*?)^```$")
	curlMethod = regexp.MustCompile(`--request ([A-Z]+)`)
	curlPath   = regexp.MustCompile(`/v1/processmaker/([^?"\s]+)(\?\S*list=true)?`)
)

func sampleRequests(section string) (samples []sampleRequest) {
	for _, block := range curlBlock.FindAllStringSubmatch(section, -1) {
		sample := sampleRequest{method: "GET"}
		if found := curlMethod.FindStringSubmatch(block[1]); found != nil {
			sample.method = found[1]
		}
		if found := curlPath.FindStringSubmatch(block[1]); found != nil {
			sample.path = found[1]
			if found[2] != "" {
				sample.method = "LIST"
			}
		}
		samples = append(samples, sample)
	}
	return samples
}

// isOf tells whether a sample is of a method of a path, as the page names it.
func (r sampleRequest) isOf(method, name string) bool {
	pattern := regexp.MustCompile(`:[a-z_]+`).ReplaceAllString(name, "[^/]+")
	return r.method == method && regexp.MustCompile("^"+pattern+"$").MatchString(r.path)
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

func hasMethod(path *framework.Path, name string) bool {
	for _, method := range methods {
		if method.name == name {
			return slices.ContainsFunc(method.operations, func(operation logical.Operation) bool { return path.Operations[operation] != nil })
		}
	}
	return false
}

func methodsOf(name string, methods []string) string {
	var text strings.Builder
	text.WriteString("| Method | Path |\n| :- | :- |\n")
	for _, method := range methods {
		fmt.Fprintf(&text, "| `%s` | `/processmaker/%s` |\n", method, name)
	}
	return text.String()
}

// parametersOf lists the parameters of a path, or those that are chosen.
func parametersOf(name string, path *framework.Path, chosen []string) string {
	var text strings.Builder
	for _, field := range sortedFields(path.Fields, name) {
		if len(chosen) > 0 && !slices.Contains(chosen, field) {
			continue
		}
		schema := path.Fields[field]
		fmt.Fprintf(&text, "- `%s` `(%s: %s)` - %s", field, pageType(schema), pageDefault(schema), pageDescription(schema))
		if inPath(name, field) {
			text.WriteString(" It is part of the URL.")
		}
		text.WriteString("\n")
	}
	return text.String()
}

// answerOf lists the fields of the richest answer of a path.
func answerOf(path *framework.Path) string {
	fields := answerFieldsOf(path)
	var text strings.Builder
	for _, field := range sortedFields(fields, "") {
		fmt.Fprintf(&text, "- `%s` `(%s)` - %s\n", field, answerType(fields[field]), fields[field].Description)
	}
	return text.String()
}

func answerFieldsOf(path *framework.Path) (fields map[string]*framework.FieldSchema) {
	for _, handler := range path.Operations {
		for _, responses := range handler.Properties().Responses {
			for _, response := range responses {
				if len(response.Fields) > len(fields) {
					fields = response.Fields
				}
			}
		}
	}
	return fields
}

// inPath tells whether a field stands in a path of the page.
func inPath(path, field string) bool { return slices.Contains(strings.Split(path, "/"), ":"+field) }

// sortedFields puts what stands in the path first.
func sortedFields(fields map[string]*framework.FieldSchema, path string) []string {
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		switch {
		case inPath(path, a) && !inPath(path, b), fields[a].Required && !fields[b].Required:
			return -1
		case inPath(path, b) && !inPath(path, a), fields[b].Required && !fields[a].Required:
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

// pageDescription leaves out the default, which stands before it.
func pageDescription(schema *framework.FieldSchema) string {
	text := fields.Meaning(schema)
	if len(schema.AllowedValues) > 0 {
		var values []string
		for _, value := range schema.AllowedValues {
			values = append(values, fmt.Sprintf("`%v`", value))
		}
		text += " One of " + strings.Join(values, ", ") + "."
	}
	if example := fields.Example(schema); example != "" {
		text += " Example: `" + example + "`."
	}
	return text
}
