package main

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/fields"
	"vault-plugin-secrets-processmaker/internal/problem"
)

// isOfLease tells whether Vault asks on behalf of a lease.
func isOfLease(req *logical.Request) bool {
	return req.Operation == logical.RenewOperation || req.Operation == logical.RevokeOperation
}

// answerTo gives an error its status. One about a lease stays plain: Vault makes each a 400.
func answerTo(req *logical.Request, err error) (*logical.Response, error) {
	text := problem.At(req.MountPoint, err.Error())
	if text != err.Error() {
		err = problem.Explain(err, text)
	}
	if isOfLease(req) {
		return nil, err
	}
	switch status := statusOf(err); status {
	case 0:
		return nil, err
	case http.StatusBadRequest:
		return logical.ErrorResponse("%s", text), nil
	default:
		return answerOfStatus(req, status, text)
	}
}

// told is a text that stands in an answer's data, with the mount's path.
func (b *backend) told(text string) string {
	return problem.At(b.engine.Report.MountPath(), text)
}

// atMount puts the mount's path into the warnings and the help of an answer.
func atMount(req *logical.Request, resp *logical.Response) *logical.Response {
	if resp == nil {
		return nil
	}
	for i, warning := range resp.Warnings {
		resp.Warnings[i] = problem.At(req.MountPoint, warning)
	}
	if help, ok := resp.Data["help"].(string); ok && req.Operation == logical.HelpOperation {
		resp.Data["help"] = problem.At(req.MountPoint, help)
	}
	return resp
}

// answerOfStatus is an error in Vault's own form, as the plain text: before an error that is
// returned Vault puts "1 error occurred:", and what is not a 400 has no other way. The audit log
// shows its text under the key of a 400's.
func answerOfStatus(req *logical.Request, status int, text string) (*logical.Response, error) {
	body, err := json.Marshal(map[string][]string{"errors": {text}})
	if err != nil || req.WrapInfo != nil && req.WrapInfo.TTL > 0 {
		// Vault wraps whatever is no error, and the reader would take it for a token.
		return nil, logical.CodedError(status, text)
	}
	return &logical.Response{Data: map[string]any{
		"error":                 text,
		logical.HTTPStatusCode:  status,
		logical.HTTPContentType: "application/json",
		logical.HTTPRawBody:     body,
	}}, nil
}

// statusOf is 400 where it is the operator's or the reader's turn, 404 where nothing has that name,
// 409 after a conflict, 502 where it is ProcessMaker's turn, 503 later; 0 is our fault or
// storage's.
func statusOf(err error) int {
	switch problem.KindOf(err) {
	case problem.Refused:
		return http.StatusBadRequest
	case problem.NotFound:
		return http.StatusNotFound
	case problem.Conflict:
		return http.StatusConflict
	}
	switch client.KindOf(err) {
	case client.GrantDead, client.ClientRefused, client.GrantNotAllowed, client.GrantNotEnabled, client.ScopeRefused,
		client.Forbidden, client.NotFound, client.PasswordRefused:
		return http.StatusBadRequest
	case client.Throttled:
		return http.StatusServiceUnavailable
	case client.Unavailable, client.NotProcessMaker, client.UnusableToken, client.TokenRefused:
		return http.StatusBadGateway
	default:
		return 0
	}
}

// timeText is how answers tell a time; empty where there is none.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// warned is an answer without data but with warnings; nil without any.
func warned(warnings ...string) *logical.Response {
	if len(warnings) == 0 {
		return nil
	}
	return warn(&logical.Response{}, warnings)
}

func warn(resp *logical.Response, warnings []string) *logical.Response {
	for _, warning := range warnings {
		resp.AddWarning(warning)
	}
	return resp
}

// operationPrefix begins the OpenAPI operation ids of every path.
const operationPrefix = "process-maker"

func path(pattern, synopsis, description string, parameters map[string]*framework.FieldSchema, operations map[logical.Operation]framework.OperationHandler) *framework.Path {
	return &framework.Path{
		Pattern:         pattern,
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    synopsis,
		HelpDescription: description,
		Fields:          fields.Describe(parameters),
		Operations:      operations,
	}
}

// named is an operation id: its verb, and its noun where that is not the last of the path.
type named struct{ verb, noun string }

// here is an operation that any node answers.
func here(callback framework.OperationFunc, id named, summary string, responses map[int][]framework.Response) *framework.PathOperation {
	return &framework.PathOperation{
		Callback:     callback,
		Summary:      summary,
		Responses:    responses,
		DisplayAttrs: &framework.DisplayAttributes{OperationVerb: id.verb, OperationSuffix: id.noun},
	}
}

// ofRole is the callback of an operation on a role as it signs in now.
func (b *backend) ofRole(answer func(context.Context, *role.Binding, *logical.Request, *framework.FieldData) (*logical.Response, error)) framework.OperationFunc {
	return func(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
		bound, err := b.engine.Roles.Bind(ctx, data.Get("name").(string))
		if err != nil {
			return nil, err
		}
		return answer(ctx, bound, req, data)
	}
}

// onActive is an operation that writes, or calls ProcessMaker: standbys forward it first.
func onActive(callback framework.OperationFunc, id named, summary string, responses map[int][]framework.Response) *framework.PathOperation {
	operation := here(callback, id, summary, responses)
	operation.ForwardPerformanceStandby = true
	return operation
}

// onPrimary is an operation that writes what is replicated.
func onPrimary(callback framework.OperationFunc, id named, summary string, responses map[int][]framework.Response) *framework.PathOperation {
	operation := onActive(callback, id, summary, responses)
	operation.ForwardPerformanceSecondary = true
	return operation
}

func display(name, group string) *framework.DisplayAttributes {
	return &framework.DisplayAttributes{Name: name, Group: group}
}

func sensitive(name, group string) *framework.DisplayAttributes {
	return &framework.DisplayAttributes{Name: name, Group: group, Sensitive: true}
}

func multiline(name, group string) *framework.DisplayAttributes {
	return &framework.DisplayAttributes{Name: name, Group: group, EditType: "textarea"}
}

// choice is the field of a text out of a few; without a default where byDefault is empty.
func choice(byDefault string, values []any, description string, shown *framework.DisplayAttributes) *framework.FieldSchema {
	field := &framework.FieldSchema{Type: framework.TypeString, AllowedValues: values, Description: description, DisplayAttrs: shown}
	if byDefault != "" {
		field.Default = byDefault
	}
	return field
}

// number is the field of a number or, by its kind, of a duration in seconds.
func number(kind framework.FieldType, byDefault int, description string, shown *framework.DisplayAttributes) *framework.FieldSchema {
	return &framework.FieldSchema{Type: kind, Default: byDefault, Description: description, DisplayAttrs: shown}
}

// authMethodField is the field client_auth_method of the config and of roles.
func authMethodField() *framework.FieldSchema {
	return choice(string(client.ClientSecretPost), []any{string(client.ClientSecretPost), string(client.ClientSecretBasic)},
		"Whether the auth client's id and secret go into the body or into an HTTP Basic header.", display("Client authentication method", "Auth client"))
}

// nameField is the field of the paths that end in the name of a role.
func nameField(display *framework.DisplayAttributes) *framework.FieldSchema {
	return &framework.FieldSchema{Type: framework.TypeString, Required: true, Description: "Name of the role. Example: ci", DisplayAttrs: display}
}

func always(kind framework.FieldType, description string) *framework.FieldSchema {
	return &framework.FieldSchema{Type: kind, Required: true, Description: description}
}

func alwaysText(description string) *framework.FieldSchema {
	return always(framework.TypeString, description)
}

// respondsEmpty is the schema of an answer without data: 204, or 200 where there are warnings.
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

func respondsKeys(description string) map[int][]framework.Response {
	return responds("The names.", map[string]*framework.FieldSchema{"keys": always(framework.TypeStringSlice, description)})
}

// respondsKeysAndInfo is the schema of a list with key_info, which is there where a name is.
func respondsKeysAndInfo(keys, info string) map[int][]framework.Response {
	return responds("The names.", map[string]*framework.FieldSchema{
		"keys":     always(framework.TypeStringSlice, keys),
		"key_info": {Type: framework.TypeMap, Description: info},
	})
}

// answerFields is the schema of reading an object back; each secret turns into <field>_set.
func answerFields(written map[string]*framework.FieldSchema, leftOut ...string) map[string]*framework.FieldSchema {
	answer := maps.Clone(written)
	for name, field := range written {
		if field.DisplayAttrs != nil && field.DisplayAttrs.Sensitive {
			delete(answer, name)
			answer[name+"_set"] = always(framework.TypeBool, "Whether "+name+" is stored.")
			continue
		}
		described := *field
		described.Required, described.Description = true, fields.Meaning(field)
		answer[name] = &described
	}
	for _, name := range leftOut {
		delete(answer, name)
	}
	return answer
}
