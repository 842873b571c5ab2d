package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/vault/sdk/helper/errutil"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/internal/fields"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// secretFields are the fields whose values may never be repeated, not even in a complaint.
var secretFields = []string{"client_secret", "password", "client_key", "proxy_url", "code", "state", "refresh_token"}

// HandleRequest guards every operation of the mount: a panic would end the process that all mounts
// of this plugin share. It is the one place where the errors of the engine become Vault's answers.
func (b *backend) HandleRequest(ctx context.Context, req *logical.Request) (resp *logical.Response, err error) {
	defer b.engine.Background.Join()()
	defer func() {
		if b.engine.Report.Recovered(recover(), string(req.Operation)) {
			resp, err = nil, telemetry.ErrPanicked
		}
	}()
	b.engine.Report.RememberMountPath(req.MountPoint)
	err = refuseHostile(req)
	if err == nil {
		err = b.refuseUnknownFields(req)
	}
	if err != nil {
		return logical.ErrorResponse(err.Error()), nil
	}
	resp, err = b.Backend.HandleRequest(ctx, req)
	if errors.Is(err, logical.ErrUnsupportedPath) && namesRole(req.Path) {
		return logical.ErrorResponse(namesOfRoles), nil
	}
	if err != nil {
		return answerTo(req, err)
	}
	if resp.IsError() {
		if field := misfitField(resp.Error().Error()); field != "" {
			return logical.ErrorResponse(b.misfit(req, field)), nil
		}
	}
	return atMount(req, resp), nil
}

// HandleExistenceCheck guards the question that Vault asks before a write.
func (b *backend) HandleExistenceCheck(ctx context.Context, req *logical.Request) (checked, exists bool, err error) {
	defer func() {
		if b.engine.Report.Recovered(recover(), "existence check") {
			checked, exists, err = false, false, telemetry.ErrPanicked
		}
	}()
	if err := refuseHostile(req); err != nil {
		return false, false, errutil.UserError{Err: err.Error()}
	}
	checked, exists, err = b.Backend.HandleExistenceCheck(ctx, req)
	if err != nil {
		if field := misfitField(err.Error()); field != "" {
			return false, false, errutil.UserError{Err: b.misfit(req, field)}
		}
	}
	return checked, exists, err
}

var misfitPattern = regexp.MustCompile(`error converting input for field "([^"]+)"`)

// misfitField recognises the framework's complaint about a value of the wrong type, which quotes
// it: a secret may have been put into the wrong field, and errors stand in the audit log in clear.
func misfitField(complaint string) string {
	if found := misfitPattern.FindStringSubmatch(complaint); found != nil {
		return found[1]
	}
	return ""
}

func (b *backend) misfit(req *logical.Request, field string) string {
	if path := b.Route(req.Path); path != nil && path.Fields[field] != nil {
		return fields.Misfit(field, path.Fields[field]).Error()
	}
	return fmt.Sprintf("field %q has a value of the wrong type; \"vault path-help\" of the path tells what it expects", field)
}

// longestPath is above any path of this engine with the longest name in it.
const longestPath = 512

const namesOfRoles = `role names are letters, digits, "-", "_" and ".", and begin and end with a letter, a digit or "_", such as ci or team-a.jobs`

// namesRole tells whether a path is one of those that end in the name of a role.
func namesRole(path string) bool {
	folder, name, _ := strings.Cut(path, "/")
	switch folder {
	case "roles", "creds", "static-creds", "sessions", "authorize", "rotate-role", "status":
		return name != ""
	default:
		return false
	}
}

// refuseHostile refuses requests that no handler should have to look at.
func refuseHostile(req *logical.Request) error {
	switch {
	case isOfLease(req):
		// Vault's own: a lease has to be revocable.
		return nil
	case len(req.Path) > longestPath:
		return fmt.Errorf("the path has %d characters, and the longest of this engine has %d", len(req.Path), longestPath)
	case strings.Contains(req.Path, ".."):
		return errors.New(`no name can hold "..", which Vault's storage takes for a way up: write one dot, as in team-a.jobs`)
	}
	return refuseConfusedSecrets(req)
}

// refuseConfusedSecrets comes before the framework, which quotes a list in place of a text.
func refuseConfusedSecrets(req *logical.Request) error {
	for _, field := range secretFields {
		switch req.Data[field].(type) {
		case nil, string, bool, float64, int, int64, json.Number:
		default:
			return fmt.Errorf("field %q expects a text, for example %s=@file", field, field)
		}
	}
	return nil
}

// refuseUnknownFields makes a mistyped field name an error: ignoring it could mean another renewal
// mode, a lost secret, or a list of everything. Lists without fields are left alone: some clients
// give them all parameters.
func (b *backend) refuseUnknownFields(req *logical.Request) error {
	switch req.Operation {
	case logical.ReadOperation, logical.ListOperation, logical.CreateOperation, logical.UpdateOperation, logical.PatchOperation, logical.DeleteOperation:
	default:
		return nil
	}
	if len(req.Data) == 0 {
		return nil // as with most reads, which need not be routed twice
	}
	path := b.Route(req.Path)
	if path == nil || req.Operation == logical.ListOperation && len(path.Fields) == 0 {
		return nil
	}
	var unknown []string
	for name := range req.Data {
		if path.Fields[name] == nil && name != "list" { // Vault's own, false for a read
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	if len(path.Fields) == 0 {
		return fmt.Errorf("unknown field %s: this path takes no parameters", quoted(unknown))
	}
	return fmt.Errorf("unknown field %s; the fields are: %s", quoted(unknown), strings.Join(slices.Sorted(maps.Keys(path.Fields)), ", "))
}

const longestQuoted = 40

// quoted repeats names that a caller made up, as far as it helps to find them.
func quoted(names []string) string {
	var texts []string
	for _, name := range names {
		if len(name) > longestQuoted {
			name = name[:longestQuoted] + "..."
		}
		texts = append(texts, fmt.Sprintf("%q", name))
	}
	return strings.Join(texts, ", ")
}
