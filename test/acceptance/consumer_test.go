//go:build unix

package acceptance

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exampleText is an example file with values of this test in the place of the
// marked ones; a mark that is not there is a mistake.
func exampleText(t *testing.T, name string, marksAndValues ...string) string {
	t.Helper()
	return marksReplaced(t, repositoryText(t, "examples/"+name), marksAndValues...)
}

// marksReplaced is text with values of this test in the place of its marks.
func marksReplaced(t *testing.T, text string, marksAndValues ...string) string {
	t.Helper()
	for i := 0; i+1 < len(marksAndValues); i += 2 {
		require.Contains(t, text, marksAndValues[i])
		text = strings.ReplaceAll(text, marksAndValues[i], marksAndValues[i+1])
	}
	return text
}

// consumerMount is a mount with a role app as the consumers' page has it, but
// with leases of seconds.
func consumerMount(t *testing.T, role fields) *mount {
	t.Helper()
	m := newMount(t)
	m.writeConfig(fields{"token_requests_per_minute": 0})
	m.writeRole("app", role)
	return m
}

// endlessVaultToken is the Vault token that the consumers' page asks for.
var endlessVaultToken = fields{"token_period": "1h"}

// appRole makes an AppRole mount of this mount's own, for a consumer with the
// given kind of Vault token, the given policy and no other, and puts its ids into
// dir.
func (m *mount) appRole(dir, policy string, vaultToken fields) (authPath string) {
	m.t.Helper()
	require.NoError(m.t, m.client.Sys().PutPolicy(m.path, policy))
	require.NoError(m.t, m.client.Sys().EnableAuthWithOptions(m.path, &api.EnableAuthOptions{Type: "approle"}))
	m.t.Cleanup(func() {
		_ = m.client.Sys().DisableAuth(m.path)
		_ = m.client.Sys().DeletePolicy(m.path)
	})
	role := "auth/" + m.path + "/role/app"
	_, err := m.client.Logical().Write(role, merge(fields{"token_policies": m.path, "token_no_default_policy": true}, vaultToken))
	require.NoError(m.t, err)
	id, err := m.client.Logical().Read(role + "/role-id")
	require.NoError(m.t, err)
	secret, err := m.client.Logical().Write(role+"/secret-id", nil)
	require.NoError(m.t, err)
	for name, value := range map[string]any{"role-id": id.Data["role_id"], "secret-id": secret.Data["secret_id"]} {
		require.NoError(m.t, os.WriteFile(filepath.Join(dir, name), []byte(fmt.Sprint(value)), 0o600))
	}
	return "auth/" + m.path
}

// companionFrom runs an example's configuration until the end of the test.
func (m *mount) companionFrom(kind, example, dir string, vaultToken fields, marksAndValues ...string) *companion {
	m.t.Helper()
	policy := exampleText(m.t, "agent/policy.hcl", "processmaker/creds/app", m.at("creds/app"))
	marks := append([]string{
		"https://vault.example.com:8200", m.server.Address,
		"auth/approle", m.appRole(dir, policy, vaultToken),
		"/etc/vault-" + kind, dir,
	}, marksAndValues...)
	c, err := m.server.startCompanion(kind, exampleText(m.t, example, marks...), dir)
	require.NoError(m.t, err)
	m.t.Cleanup(func() { assert.NoError(m.t, c.Stop()) })
	return c
}

// fileSource reads the file that a consumer keeps.
func fileSource(path string) tokenSource {
	return func() (string, error) {
		text, err := os.ReadFile(path)
		return string(text), err
	}
}

// cacheSource asks a local cache before each call, as a program would that
// leaves all keeping to the cache.
func cacheSource(address, path string) tokenSource {
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	return func() (string, error) {
		secret, err := readThrough(client, address, path)
		if err != nil {
			return "", err
		}
		token, _ := secret.Data["access_token"].(string)
		return token, nil
	}
}

// pacedSource reads through a local cache, and again after two thirds of the
// lease: the cache keeps no answer that cannot be renewed.
func pacedSource(address, path string) tokenSource {
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	var token string
	var again time.Time
	return func() (string, error) {
		if time.Now().Before(again) {
			return token, nil
		}
		secret, err := readThrough(client, address, path)
		if err != nil {
			return "", err
		}
		again = time.Now().Add(time.Duration(secret.LeaseDuration) * time.Second * 2 / 3)
		token, _ = secret.Data["access_token"].(string)
		return token, nil
	}
}

func readThrough(client *http.Client, address, path string) (*api.Secret, error) {
	resp, err := client.Get("http://" + address + "/v1/" + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return nil, fmt.Errorf("%s: %d: %s", path, resp.StatusCode, text)
	}
	secret, err := api.ParseSecret(resp.Body)
	if err == nil && secret == nil {
		err = errors.New("no secret in the answer")
	}
	return secret, err
}

// prober probes this mount's ProcessMaker.
func (m *mount) prober(source tokenSource) *prober {
	m.t.Helper()
	pool := x509.NewCertPool()
	require.True(m.t, pool.AppendCertsFromPEM([]byte(m.pm.CACertPEM())))
	return &prober{
		url:    fmt.Sprintf("%s/api/1.0/users/%d", m.pm.URL(), m.pm.User("alice").ID),
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, Timeout: time.Minute},
		source: source,
	}
}
