package main

import (
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestConfigLooksForAProcessMaker(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arrange func(h *harness)
		says    string
	}{
		"down":          {func(h *harness) { h.pm.GoOffline() }, "connection refused"},
		"something web": {inject(processmakertest.Any, processmakertest.HTMLPage(200)), "not JSON"},
		"another API":   {inject(processmakertest.Any, processmakertest.Answer(401, jsonHeader(), `{"error":"unauthorized"}`)), "HTTP 401"},
		"open API":      {inject(processmakertest.Any, processmakertest.Answer(200, jsonHeader(), `{"data":[]}`)), "HTTP 200"},
		"redirect":      {inject(processmakertest.Any, processmakertest.Redirect("https://elsewhere.example.com")), "redirect"},
		"maintenance":   {inject(processmakertest.Any, processmakertest.Maintenance(0)), "HTTP 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			test.arrange(h)
			h.refusedWrite(logical.CreateOperation, "config", h.configData(), test.says)
			require.Nil(t, h.read("config"))
			data := h.configData()
			data["verify_connection"] = false
			h.mustWrite("config", data)
		})
	}
}

func TestConfigOverTLS(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *processmakertest.Config) { c.TLS = true })
	h.refusedWrite(logical.CreateOperation, "config", h.configData(), "set ca_cert")
	data := h.configData()
	data["ca_cert"] = h.pm.CACertPEM()
	data["tls_min_version"] = "tls13"
	h.mustWrite("config", data)
	h.mustWrite("roles/ci", h.roleData(nil))
	h.issue(nil)

	resp := h.mustWrite("config", map[string]any{"ca_cert": nil, "insecure_tls": true, "client_secret": h.pm.Client(3).Secret})
	require.Contains(t, resp.Warnings[0], "insecure_tls")
	h.issue(nil)

	h.refusedWrite(logical.UpdateOperation, "config", map[string]any{"ca_cert": h.pm.CACertPEM(), "insecure_tls": false, "tls_server_name": "bpm.example.com", "client_secret": "x"}, "set tls_server_name")
}
