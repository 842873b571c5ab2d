//go:build unix

package acceptance

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leakTest is a mount all of whose secrets are texts that exist nowhere else,
// and the places where they could turn up.
type leakTest struct {
	*mount
	found   *secrets // every secret, those that ProcessMaker made included
	answers *answers // all that Vault answered
	gateway *gateway
	proxy   *forwardProxy

	clientSecret, ownClientSecret, password, proxyPassword string
	config, role, ownRole                                  fields
}

// TestNoSecretLeaks drives every path through success and failure, with the
// server logging all it can, and then looks for every secret in all that was
// written or answered. An access token is allowed in one place: the field
// access_token of an answer that hands it out.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	l := newLeakTest(t)
	l.driveSuccess()
	l.driveMistakes()
	l.driveFailures()
	// What was cut off on purpose may live on; the rest must end all the same.
	l.leftovers = true
	l.writeRole("ci", l.role)
	leases := l.leasesInStorage()
	l.end()
	l.path = ""

	l.requireThoroughness()
	l.sweep("the server's log", l.fileText(l.server.LogPath))
	l.sweep("the audit log", l.fileText(l.server.AuditPath))
	for _, lease := range leases {
		l.sweep("a lease in Vault's storage", withoutAccessToken(lease))
	}
	for _, answer := range l.answers.all() {
		body := answer.body
		if strings.Contains(answer.request, "/creds/") || strings.HasSuffix(answer.request, "/leases/renew") {
			body = withoutAccessToken(body)
		}
		l.sweep("an answer to "+answer.request, body)
	}
}

func newLeakTest(t *testing.T) *leakTest {
	t.Helper()
	l := &leakTest{found: &secrets{}, answers: &answers{}}
	l.mount = newMount(t, onServer(ownServer(t)), behindPlainHTTP, wrapped(l.answers.wrap))
	l.gateway = newGateway(t, l.pm.URL(), l.found)

	l.clientSecret = l.secret("client_secret of the config")
	l.ownClientSecret = l.secret("client_secret of a role")
	l.password = l.secret("password")
	l.proxyPassword = l.secret("password of the proxy")
	l.found.add("client_secret of the config", fmt.Sprintf("%d:%s", passwordClient, l.clientSecret))
	l.found.add("client_secret of a role", "4:"+l.ownClientSecret)
	l.found.add("password of the proxy", "vault:"+l.proxyPassword)
	certificate, key := newKeyPair(t)
	l.found.add("client_key", pemPayload(key))

	l.pm.SetClientSecret(passwordClient, l.clientSecret)
	l.pm.SetClientSecret(4, l.ownClientSecret)
	l.pm.SetPassword("alice", l.password)
	l.proxy = newForwardProxy(t, "vault", l.proxyPassword)
	l.config = fields{
		"url": l.gateway.server.URL, "ca_cert": l.gateway.caCert(),
		"client_id": fmt.Sprint(passwordClient), "client_secret": l.clientSecret,
		"client_cert": certificate, "client_key": key,
		"proxy_url":       l.proxy.url(t, "vault", l.proxyPassword),
		"request_timeout": "1s", "token_requests_per_minute": 0,
	}
	l.role = fields{"username": "alice", "password": l.password}
	l.ownRole = merge(l.role, fields{
		"client_id": "4", "client_secret": l.ownClientSecret, "client_auth_method": "client_secret_basic",
	})
	return l
}

// secret makes a secret of the given kind and puts it into the list.
func (l *leakTest) secret(name string) string {
	text := "Canary" + rand.Text()
	l.found.add(name, text)
	return text
}

// leasesInStorage returns what Vault keeps of this mount's leases. It does not
// go through the recorder, as the access token is there by Vault's design.
func (l *leakTest) leasesInStorage() [][]byte {
	l.t.Helper()
	client, err := l.server.NewClient(nil)
	require.NoError(l.t, err)
	folder := "sys/raw/sys/expire/id/" + l.at("creds/ci")
	list, err := client.Logical().List(folder)
	require.NoError(l.t, err)
	require.NotNil(l.t, list, "no lease to look into")
	var leases [][]byte
	for _, name := range list.Data["keys"].([]any) {
		entry, err := client.Logical().Read(fmt.Sprintf("%s/%s", folder, name))
		require.NoError(l.t, err)
		leases = append(leases, []byte(entry.Data["value"].(string)))
	}
	return leases
}

// requireThoroughness requires that the test looked at what it says it does.
func (l *leakTest) requireThoroughness() {
	l.t.Helper()
	assert.Positive(l.t, l.proxy.tunnels.Load(), "the proxy was not used")
	assert.True(l.t, l.gateway.clientCertificate.Load(), "the client certificate was not used")
	audit, log := l.fileText(l.server.AuditPath), l.fileText(l.server.LogPath)
	assert.Contains(l.t, string(audit), "hmac-sha256:")
	assert.Contains(l.t, string(log), "[TRACE]")
	assert.Regexp(l.t, `\[INFO\] .*credential ended: .*reason=lease `, string(log))
	var errors int
	for _, answer := range l.answers.all() {
		if bytes.Contains(answer.body, []byte(`"errors":`)) && !bytes.Contains(answer.body, []byte(`"errors":null`)) {
			errors++
		}
	}
	assert.Greater(l.t, errors, 50, "failures that reached the client")
	kinds := map[string]bool{}
	l.found.mu.Lock()
	defer l.found.mu.Unlock()
	for _, name := range l.found.names {
		kinds[name] = true
	}
	for _, kind := range []string{"access token", "refresh token"} {
		assert.True(l.t, kinds[kind], "no %s passed by", kind)
	}
}

func (l *leakTest) sweep(place string, text []byte) {
	l.t.Helper()
	for _, name := range l.found.in(text) {
		l.t.Errorf("%s shows: %s", place, name)
	}
}

func (l *leakTest) fileText(file string) []byte {
	l.t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(l.t, err)
	return text
}

// attempt does what may fail and must not leak.
func (l *leakTest) attempt(method, path string, body fields) {
	l.t.Helper()
	switch method {
	case http.MethodGet:
		_, _ = l.client.Logical().Read(l.at(path))
	case http.MethodPatch:
		_ = l.tryPatch(path, body)
	default:
		_ = l.tryWrite(path, body)
	}
}
