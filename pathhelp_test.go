package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/fields"
)

// "vault path-help" of every path has a synopsis, a description, and of every parameter its default,
// or that it is required, and an example where the values do not stand there.
func TestPathHelpIsComplete(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	paths := h.Backend.Framework().Paths
	require.NotEmpty(t, paths)
	for _, path := range paths {
		require.Regexp(t, `^[A-Z].*\.$`, path.HelpSynopsis, path.Pattern)
		require.NotContains(t, path.HelpSynopsis, "\n", path.Pattern)
		require.Greater(t, len(path.HelpDescription), 60, path.Pattern)
		for name, field := range path.Fields {
			what := fmt.Sprintf("%s of %s: %s", name, path.Pattern, field.Description)
			require.Regexp(t, `^[A-Z]`, field.Description, what)
			if field.Required {
				require.Contains(t, field.Description, " Required.", what)
			} else {
				require.Equal(t, 1, strings.Count(field.Description, " Default: "), what)
			}
			requireExample(t, field, name, what)
		}
	}
}

func requireExample(t *testing.T, field *framework.FieldSchema, name, what string) {
	t.Helper()
	if len(field.AllowedValues) > 0 {
		for _, value := range field.AllowedValues {
			require.Contains(t, field.Description, fmt.Sprint(value), what)
		}
		return
	}
	if field.Type == framework.TypeBool {
		return
	}
	shown := fields.Example(field)
	require.NotEmpty(t, shown, what)
	if name != "name" && name != "credential_id" { // they stand in the path
		require.True(t, strings.HasPrefix(shown, name+"="), what)
	}
}

// The help and the messages name the mount as it is.
func TestPathHelpNamesTheMount(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for path, says := range map[string]string{
		"config":       "vault write processmaker/config url=",
		"roles/ci":     "vault write processmaker/roles/ci username=",
		"creds/ci":     "vault read processmaker/creds/ci",
		"credentials/": "vault list -detailed processmaker/credentials",
	} {
		resp, err := h.Do(logical.HelpOperation, path, nil)
		require.NoError(t, err)
		help, _ := resp.Data["help"].(string)
		require.Contains(t, help, says)
		require.NotContains(t, help, "<mount>")
	}
}

// A name that no path takes is refused with what it may hold.
func TestRoleNamesAreExplained(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	for _, path := range []string{"roles/my role", "roles/-ci", "creds/ci/extra", "static-creds/ci.", "status/ü"} {
		resp, err := h.Do(logical.ReadOperation, path, nil)
		require.NoError(t, err, path)
		require.True(t, resp.IsError(), path)
		require.ErrorContains(t, resp.Error(), `role names are letters, digits, "-", "_" and "."`)
	}
	_, err := h.Do(logical.ReadOperation, "nothing/here", nil)
	require.ErrorIs(t, err, logical.ErrUnsupportedPath)
}

// Values that were mistyped are refused with an example of what is expected.
func TestRefusalsHaveAnExample(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	for says, write := range map[string]struct {
		path string
		data map[string]any
	}{
		"use ca_cert=@file to read a file":                               {"config", map[string]any{"ca_cert": "ca.pem"}},
		"a duration such as 90s, 15m or 24h (1s to 30s)":                 {"config", map[string]any{"request_timeout": "1h"}},
		"must be one of: tls12, tls13":                                   {"config", map[string]any{"tls_min_version": "tls11"}},
		"for example username=vault-ci":                                  {"roles/ci", map[string]any{"username": true}},
		"ProcessMaker defines none":                                      {"roles/ci", map[string]any{"scopes": []string{"a\"b"}}},
		"this path takes no parameters":                                  {"tidy", map[string]any{"force": true}},
		"rotation_period expects a duration of at least 10s, such as 1h": {"roles/ci", map[string]any{"rotation_period": "1s"}},
	} {
		h.RefusedWrite(logical.UpdateOperation, write.path, write.data, says)
	}
	resp := h.MustWrite("roles/ci", map[string]any{"scopes": "read"})
	require.Contains(t, strings.Join(resp.Warnings, " "), "scopes: ProcessMaker defines none")
}
