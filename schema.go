package main

import (
	"maps"
	"net/http"

	"github.com/hashicorp/vault/sdk/framework"
)

// operationPrefix begins the OpenAPI operation ids of every path.
const operationPrefix = "process-maker"

func display(name, group string) *framework.DisplayAttributes {
	return &framework.DisplayAttributes{Name: name, Group: group}
}

func sensitive(name, group string) *framework.DisplayAttributes {
	return &framework.DisplayAttributes{Name: name, Group: group, Sensitive: true}
}

func multiline(name, group string) *framework.DisplayAttributes {
	return &framework.DisplayAttributes{Name: name, Group: group, EditType: "textarea"}
}

// respondsEmpty is the schema of an answer without data: 204, or 200 where
// there are warnings.
func respondsEmpty() map[int][]framework.Response {
	return map[int][]framework.Response{
		http.StatusOK:        {{Description: "OK, with warnings."}},
		http.StatusNoContent: {{Description: "OK."}},
	}
}

func responds(description string, fields map[string]*framework.FieldSchema) map[int][]framework.Response {
	return map[int][]framework.Response{
		http.StatusOK: {{Description: description, Fields: fields}},
	}
}

// answerFields is the schema of reading an object back: its fields but for the
// secrets, each of which turns into <field>_set.
func answerFields(written map[string]*framework.FieldSchema, leftOut ...string) map[string]*framework.FieldSchema {
	answer := maps.Clone(written)
	for name, field := range written {
		if field.DisplayAttrs != nil && field.DisplayAttrs.Sensitive {
			delete(answer, name)
			answer[name+"_set"] = &framework.FieldSchema{Type: framework.TypeBool, Required: true, Description: "Whether " + name + " is stored."}
			continue
		}
		described := *field
		described.Required = true
		answer[name] = &described
	}
	for _, name := range leftOut {
		delete(answer, name)
	}
	return answer
}
