//go:build unix

package acceptance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestConfigIsReadWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.writeConfig(nil)
	config := m.get("config")

	assert.Equal(t, m.pm.URL(), config["url"])
	assert.Equal(t, fmt.Sprint(passwordClient), config["client_id"])
	assert.Equal(t, true, config["client_secret_set"])
	assert.Equal(t, "client_secret_post", config["client_auth_method"])
	assert.Equal(t, false, config["allow_http"])
	assert.Equal(t, false, config["insecure_tls"])
	assert.Equal(t, "15", fmt.Sprint(config["request_timeout"]))
	assert.Equal(t, "16", fmt.Sprint(config["max_concurrent_requests"]))
	assert.Equal(t, "60", fmt.Sprint(config["token_requests_per_minute"]))
	for _, secret := range []string{"client_secret", "client_key"} {
		assert.NotContains(t, config, secret)
	}
	assert.NotContains(t, fmt.Sprint(config), m.pm.Client(passwordClient).Secret)
}

func TestConfigWriteKeepsWhatItDoesNotName(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.write("config", fields{"request_timeout": "7s"})
	config := m.get("config")
	assert.Equal(t, "7", fmt.Sprint(config["request_timeout"]))
	assert.Equal(t, m.pm.URL(), config["url"])
	assert.Equal(t, true, config["client_secret_set"])
	m.read("ci")
}

func TestConfigPatchSetsAndClears(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.patch("config", fields{"request_timeout": "9s"})
	assert.Equal(t, "9", fmt.Sprint(m.get("config")["request_timeout"]))

	m.patch("config", fields{"request_timeout": nil})
	assert.Equal(t, "15", fmt.Sprint(m.get("config")["request_timeout"]), "null clears")

	m.patch("config", fields{"client_id": nil, "client_secret": nil})
	config := m.get("config")
	assert.Equal(t, false, config["client_secret_set"])
	_, err := m.tryRead("ci")
	requireStatus(t, err, http.StatusBadRequest, "client_id")
}

func TestConfigPatchNeedsAConfig(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	require.Error(t, m.tryPatch("config", fields{"request_timeout": "9s"}))
	assert.Nil(t, m.get("config"))
}

func TestConfigRefusedWritesChangeNothing(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.refusesChanges("config", map[string]refusedChange{
		"relative url":         {fields{"url": "processmaker.example.com", "client_secret": "x"}, "url"},
		"plain http elsewhere": {fields{"url": "http://processmaker.example.com", "client_secret": "x"}, "allow_http"},
		"auth method":          {fields{"client_auth_method": "private_key_jwt"}, "client_auth_method"},
		"long timeout":         {fields{"request_timeout": "31s"}, "request_timeout"},
		"short timeout":        {fields{"request_timeout": "0s"}, "request_timeout"},
		"one request":          {fields{"max_concurrent_requests": 1}, "max_concurrent_requests"},
		"negative budget":      {fields{"token_requests_per_minute": -1}, "token_requests_per_minute"},
		"TLS version":          {fields{"tls_min_version": "tls09"}, "tls_min_version"},
		"CA":                   {fields{"ca_cert": "not a certificate"}, "ca_cert"},
		"certificate alone":    {fields{"client_cert": m.pm.CACertPEM()}, "client_key"},
		"proxy":                {fields{"proxy_url": "::", "client_secret": "x"}, "proxy_url"},
		"not a number":         {fields{"max_concurrent_requests": "many"}, "max_concurrent_requests"},
		"TLS off unproved":     {fields{"insecure_tls": true}, "client_secret"},
		"server name unproved": {fields{"tls_server_name": "other.example.com"}, "client_secret"},
		"proxy unproved":       {fields{"proxy_url": "http://127.0.0.1:1"}, "client_secret"},
		"url unproved":         {fields{"url": "https://other.example.com"}, "client_secret"},
	})
	m.read("ci")
}

// A typo in the URL shows when it is written, not when the first job fails.
func TestConfigVerifiesTheConnection(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>welcome</html>"))
	}))
	t.Cleanup(other.Close)

	config := m.configFields(fields{"url": other.URL, "verify_connection": true})
	requireStatus(t, m.tryWrite("config", config), http.StatusBadRequest, "processmaker")
	assert.Nil(t, m.get("config"), "stored although refused")

	m.pm.GoOffline()
	requireStatus(t, m.tryWrite("config", m.configFields(fields{"verify_connection": true})), http.StatusBadRequest, "verify_connection")
	assert.Nil(t, m.get("config"), "stored although refused")
	m.writeConfig(nil)
	require.NoError(t, m.pm.GoOnline())
	// ProcessMaker's API answers a wrong path like a right one.
	wrong := m.configFields(fields{"url": m.pm.URL() + "/wrong", "verify_connection": true})
	requireStatus(t, m.tryWrite("config", wrong), http.StatusBadRequest, "token endpoint")
	m.writeConfig(fields{"verify_connection": true})
	m.writeRole("ci", nil)
	m.read("ci")
}

// The secrets must not follow a mount to another server, and leases could not
// be revoked there.
func TestConfigURLIsNotChangedUnderLiveCredentials(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := m.read("ci")
	other := newMount(t)
	elsewhere := fields{
		"url": other.pm.URL(), "ca_cert": other.pm.CACertPEM(), "client_secret": other.pm.Client(passwordClient).Secret,
	}
	requireStatus(t, m.tryWrite("config", elsewhere), http.StatusBadRequest, "url", "mount")
	assert.Equal(t, m.pm.URL(), m.get("config")["url"])

	m.revoke(c)
	m.write("config", elsewhere)
	_, err := m.tryRead("ci")
	requireStatus(t, err, http.StatusBadRequest, `role "ci"`, m.pm.URL(), other.pm.URL())
	assert.Zero(t, other.pm.Count(processmakertest.PasswordGrant), "the role's password went to a server it was not written for")
}

func TestConfigDeleteStopsIssuingAndSaysWhatIsAlive(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	c := m.read("ci")
	answer := m.delete("config")
	require.NotNil(t, answer, "no word on the live credential")
	said := fmt.Sprint(answer.Data, answer.Warnings)
	assert.Contains(t, said, "1")
	assert.Contains(t, said, "revoke")

	assert.Nil(t, m.get("config"), "reads as absent")
	_, err := m.tryRead("ci")
	requireStatus(t, err, http.StatusBadRequest, "config")
	assert.True(t, m.accepts(c.Token))
	m.revoke(c)
	assert.False(t, m.accepts(c.Token))
	assert.Empty(t, m.pm.LiveTokens())
}
