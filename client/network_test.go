package client_test

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/clock"
)

func TestTimeouts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cfg := configFor(t, f.pm.URL())
	cfg.RequestTimeout = 50 * time.Millisecond
	impatient, err := client.New(cfg, f.clock)
	require.NoError(t, err)
	release := make(chan struct{})
	defer close(release)
	f.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Hold(release)})
	_, err = impatient.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.ErrorContains(t, err, "no answer within 50ms")
	require.False(t, client.CertainlyNotDone(err))
}

func TestReasonsAreInOurOwnWords(t *testing.T) {
	t.Parallel()
	garbage := listen(t, func(conn net.Conn) { _, _ = conn.Write([]byte("S3CRET garbage\r\n\r\n")) })
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }))
	defer plain.Close()
	tlsServer := httptest.NewTLSServer(http.NotFoundHandler())
	defer tlsServer.Close()
	for name, test := range map[string]struct {
		change func(*client.Config)
		url    string
		says   string
	}{
		"not HTTP":     {nil, "http://" + garbage, "the connection broke"},
		"not TLS":      {nil, strings.Replace(plain.URL, "http://", "https://", 1), "does not speak TLS"},
		"unknown CA":   {nil, tlsServer.URL, "set ca_cert"},
		"unknown name": {nil, "http://no.such.host.invalid", "could not be resolved"},
		"proxy is down": {func(c *client.Config) {
			c.ProxyURL = &url.URL{Scheme: "http", Host: "127.0.0.1:1", User: url.UserPassword("u", "S3CRET")}
		}, tlsServer.URL, "connection refused"},
		"proxy refuses":   {func(c *client.Config) { c.ProxyURL, _ = url.Parse(plain.URL) }, tlsServer.URL, "the connection broke"},
		"certificate for": {func(c *client.Config) { c.CACert = pemOf(tlsServer); c.TLSServerName = "bpm.example.org" }, tlsServer.URL, "set tls_server_name"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configFor(t, test.url)
			if test.change != nil {
				test.change(&cfg)
			}
			c, err := client.New(cfg, clock.System())
			require.NoError(t, err)
			err = c.CheckConnection(context.Background())
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "S3CRET")
			require.Equal(t, name != "not HTTP", client.CertainlyNotDone(err))
		})
	}
}

func TestAClientCertificateAndAProxyAreUsed(t *testing.T) {
	t.Parallel()
	var proxied []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied = append(proxied, r.URL.Host+" "+r.Header.Get("Proxy-Authorization"))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":"Unauthenticated."}`))
	}))
	defer proxy.Close()
	cfg := configFor(t, "http://bpm.example.org/sub/path")
	cfg.ProxyURL, _ = url.Parse(strings.Replace(proxy.URL, "http://", "http://u:p@", 1))
	c, err := client.New(cfg, clock.System())
	require.NoError(t, err)
	require.NoError(t, c.CheckConnection(context.Background()))
	require.Equal(t, []string{"bpm.example.org Basic dTpw"}, proxied)
}

func TestASubPathIsKept(t *testing.T) {
	t.Parallel()
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer server.Close()
	c, err := client.New(configFor(t, server.URL+"/bpm"), clock.System())
	require.NoError(t, err)
	_, err = c.For(ci).PasswordGrant(context.Background(), client.AuthClient{}, client.Login{})
	require.Equal(t, client.NotProcessMaker, client.KindOf(err))
	require.Equal(t, []string{"/bpm/oauth/token"}, paths, "the redirect was not followed")
}

func TestConfigValidation(t *testing.T) {
	t.Parallel()
	good := configFor(t, "https://bpm.example.org")
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	defer certified.Close()
	for says, change := range map[string]func(*client.Config){
		"no host":                   func(c *client.Config) { c.BaseURL = &url.URL{} },
		"at least 2":                func(c *client.Config) { c.MaxConcurrentRequests = 1 },
		"must be positive":          func(c *client.Config) { c.RequestTimeout = 0 },
		"cannot be negative":        func(c *client.Config) { c.TokenRequestsPerMinute = -1 },
		"ca_cert expects PEM":       func(c *client.Config) { c.CACert = "S3CRET" },
		"go together":               func(c *client.Config) { c.ClientKey = "S3CRET" },
		"are not a PEM certificate": func(c *client.Config) { c.ClientKey, c.ClientCert = "S3CRET", pemOf(certified) },
		"client_cert expects PEM":   func(c *client.Config) { c.ClientKey, c.ClientCert = "S3CRET", "x" },
	} {
		cfg := good
		change(&cfg)
		_, err := client.New(cfg, clock.System())
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "S3CRET")
	}
}

func listen(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			answer(conn)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

func pemOf(server *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// TestAHurriedQuestionDoesNotShutTheOthersOut: whoever asks with less time than
// the settings give an exchange learns nothing about who has more.
func TestAHurriedQuestionDoesNotShutTheOthersOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	release := make(chan struct{})
	remove := f.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Do: processmakertest.Hold(release)})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, f.client.Probe(ctx))
	close(release)
	remove()
	require.Equal(t, client.Closed, f.client.Condition().Breaker)
	f.sign(t)
}
