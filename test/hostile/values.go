package hostile

import (
	"encoding/json"
	"maps"
	"math"
	"strconv"
	"strings"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// hostileValues are what a caller can put into any field, whatever it is for.
func hostileValues() map[string]any {
	values := map[string]any{
		"null":          nil,
		"empty":         "",
		"true":          true,
		"zero":          0,
		"one":           json.Number("1"),
		"negative":      json.Number("-1"),
		"fraction":      json.Number("1.5"),
		"float":         2.5,
		"huge number":   json.Number("99999999999999999999999999"),
		"exponent":      json.Number("1e400"),
		"largest int":   int64(math.MaxInt64),
		"wraps to 1h":   json.Number("18446747673"),
		"no number":     json.Number("NaN"),
		"not a number":  math.NaN(),
		"infinite":      math.Inf(1),
		"empty list":    []any{},
		"list":          []any{mounttest.Canary, 1},
		"nested list":   []any{[]any{[]any{mounttest.Canary}}},
		"object":        map[string]any{mounttest.Canary: mounttest.Canary},
		"nested object": map[string]any{"a": map[string]any{"b": []any{mounttest.Canary}}},
		"bytes":         []byte(mounttest.Canary),
		"list of null":  []any{nil},
		"1 MiB":         strings.Repeat("x", 1<<20) + mounttest.Canary,
	}
	for name, text := range map[string]string{
		"NUL":             "a\x00b",
		"invalid UTF-8":   "a\xff\xfeb",
		"cut UTF-8":       "a\xe2\x80",
		"right to left":   "a\u202etxt.exe",
		"zero width":      "a\u200b\u2060\ufeffb",
		"header":          "a\r\nX-Injected: b",
		"line break":      "a\nb",
		"parent":          "../config",
		"slash":           "a/b",
		"encoded parent":  "%2e%2e/config",
		"Go template":     `{{.Secret}}{{printf "%s" .}}`,
		"HCL template":    "${file(\"/etc/passwd\")}",
		"identity":        "{{identity.entity.metadata.a}}{{identity.entity.id}}",
		"format":          "%s%n%!d(MISSING)%x",
		"shell":           "$(id); `id`",
		"SQL":             "' OR 1=1; --",
		"PEM garbage":     "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"PEM cut":         "-----BEGIN CERTIFICATE-----\nMIIB",
		"PEM key":         "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
		"userinfo":        "http://127.0.0.1@evil",
		"password in url": "https://user:pw@127.0.0.1",
		"fragment":        "https://127.0.0.1/#",
		"query":           "https://127.0.0.1/?a=",
		"space in url":    "https://127.0.0.1/ a",
		"unicode host":    "https://b\u00fcro.example\u200b",
		"port 0":          "https://127.0.0.1:0/",
		"port 99999":      "https://127.0.0.1:99999/",
		"no port":         "https://127.0.0.1:/",
		"zone":            "https://[fe80::1%25eth0]/",
		"scheme":          "javascript:alert(1)//",
		"opaque":          "https:127.0.0.1",
		"backslash":       `https:\\127.0.0.1\`,
		"negative time":   "-1h",
		"time overflow":   "9999999999999h",
		"odd time":        "1e9h",
	} {
		values[name] = text + mounttest.Canary
	}
	for _, bare := range []string{"-1h", "9999999999999h", "1e9h", "1e3", "Infinity", "0x10", " 1", "1 ", "١"} {
		values["bare "+bare] = bare
	}
	return values
}

// What would silently be taken for something else is refused, and says why.
func ValuesThatCouldBeMisread(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	config := func(data map[string]any) map[string]any {
		return mergeInto(map[string]any{"verify_connection": false, "client_secret": "x"}, data)
	}
	for _, test := range []struct {
		path, says string
		data       map[string]any
	}{
		{"config", `"token_requests_per_minute" is empty`, config(map[string]any{"token_requests_per_minute": ""})},
		{"config", `"verify_connection" is empty`, map[string]any{"verify_connection": ""}},
		{"roles/ci", `"rotation_period" is empty`, map[string]any{"rotation_period": ""}},
		{"roles/ci", `"password" expects a text`, map[string]any{"password": true}},
		{"config", "url has a port", config(map[string]any{"url": "https://127.0.0.1:99999"})},
		{"config", "url has a port", config(map[string]any{"url": "https://127.0.0.1:0"})},
		{"config", "url has a port", config(map[string]any{"url": "https://127.0.0.1:"})},
		{"config", "url is not of the form", config(map[string]any{"url": "https://:443"})},
		{"config", "invisible", config(map[string]any{"url": "https://127.0.0.1/\u200b"})},
		{"config", "proxy_url is not of the form", config(map[string]any{"proxy_url": "http://127.0.0.1:99999"})},
		{"config", "tls_server_name holds a line break", config(map[string]any{"tls_server_name": "a\r\nb"})},
		{"config", "client_id has 5000 bytes", config(map[string]any{"client_id": strings.Repeat("9", 5000)})},
		{"config", "ca_cert has 300000 bytes", config(map[string]any{"ca_cert": strings.Repeat("\n", 300000)})},
		{"roles/ci", "username is not UTF-8", map[string]any{"username": "a\xff"}},
		{"roles/ci", "username holds a line break", map[string]any{"username": "a\x00"}},
		{"roles/ci", "scopes holds one", map[string]any{"scopes": []any{"a b"}}},
		{"roles/ci", "redirect_uri is not of the form", map[string]any{"grant_type": "authorization_code", "credential_type": "personal_access_token", "username": "", "password": "", "redirect_uri": "https://user:pw@127.0.0.1/cb"}},
	} {
		before := h.Snapshot()
		h.RefusedWrite(logical.UpdateOperation, test.path, test.data, test.says)
		require.Equal(t, before, h.Snapshot())
	}
	many := map[string]any{}
	for i := range 100 {
		many[strings.Repeat("x", 1000)+strconv.Itoa(i)] = 1
	}
	resp, err := h.Do(logical.UpdateOperation, "config", many)
	require.NoError(t, err)
	require.Contains(t, mounttest.Message(resp, err), "xxxx")
	require.Less(t, len(mounttest.Message(resp, err)), 100*100)
}

func mergeInto(into, more map[string]any) map[string]any {
	maps.Copy(into, more)
	return into
}
