package main

import (
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestConfigLooksForAProcessMaker(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arrange func(h *mounttest.Mount)
		says    string
	}{
		"down":          {func(h *mounttest.Mount) { h.Pm.GoOffline() }, "connection refused"},
		"something web": {mounttest.Inject(processmakertest.Any, processmakertest.HTMLPage(200)), "not JSON"},
		"another API":   {mounttest.Inject(processmakertest.Any, processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"unauthorized"}`)), "HTTP 401"},
		"open API":      {mounttest.Inject(processmakertest.Any, processmakertest.Answer(200, mounttest.JsonHeader(), `{"data":[]}`)), "HTTP 200"},
		"redirect":      {mounttest.Inject(processmakertest.Any, processmakertest.Redirect("https://elsewhere.example.com")), "redirect"},
		"maintenance":   {mounttest.Inject(processmakertest.Any, processmakertest.Maintenance(0)), "HTTP 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			test.arrange(h)
			h.RefusedWrite(logical.CreateOperation, "config", h.ConfigData(), test.says)
			require.Nil(t, h.Read("config"))
			data := h.ConfigData()
			data["verify_connection"] = false
			h.MustWrite("config", data)
		})
	}
}

func TestConfigOverTLS(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *processmakertest.Config) { c.TLS = true })
	h.RefusedWrite(logical.CreateOperation, "config", h.ConfigData(), "set ca_cert")
	data := h.ConfigData()
	data["ca_cert"] = h.Pm.CACertPEM()
	data["tls_min_version"] = "tls13"
	h.MustWrite("config", data)
	h.MustWrite("roles/ci", h.RoleData(nil))
	h.Issue(nil)

	resp := h.MustWrite("config", map[string]any{"ca_cert": nil, "insecure_tls": true, "client_secret": h.Pm.Client(3).Secret})
	require.Contains(t, resp.Warnings[0], "insecure_tls")
	h.Issue(nil)

	h.RefusedWrite(logical.UpdateOperation, "config", map[string]any{"ca_cert": h.Pm.CACertPEM(), "insecure_tls": false, "tls_server_name": "bpm.example.com", "client_secret": "x"}, "set tls_server_name")
}
