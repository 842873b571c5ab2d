package client_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type fixture struct {
	pm     *processmakertest.Server
	client *client.Client
	clock  *clocktest.Clock
	auth   client.AuthClient
	login  client.Login
}

func configFor(t *testing.T, address string) client.Config {
	t.Helper()
	base, err := url.Parse(address)
	require.NoError(t, err)
	return client.Config{BaseURL: base, RequestTimeout: 10 * time.Second, MaxConcurrentRequests: 8, UserAgent: "test/1"}
}

func newFixture(t *testing.T, change ...func(*processmakertest.Config)) *fixture {
	t.Helper()
	f := &fixture{clock: clocktest.NewAuto(noon)}
	cfg := processmakertest.Config{Clock: f.clock.Now}
	for _, c := range change {
		c(&cfg)
	}
	pm, err := processmakertest.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(pm.Close)
	f.pm = pm
	clientConfig := configFor(t, pm.URL())
	clientConfig.CACert = pm.CACertPEM()
	f.client, err = client.New(clientConfig, f.clock)
	require.NoError(t, err)
	t.Cleanup(f.client.Close)
	f.auth = client.AuthClient{ID: "3", Secret: pm.Client(3).Secret}
	f.login = client.Login{Username: "alice", Password: pm.User("alice").Password}
	return f
}

func (f *fixture) sign(t *testing.T) *client.Grant {
	t.Helper()
	grant, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.NoError(t, err)
	return grant
}

func TestGrantsInBothClientAuthenticationMethods(t *testing.T) {
	t.Parallel()
	for _, method := range []client.AuthMethod{client.ClientSecretPost, client.ClientSecretBasic} {
		f := newFixture(t)
		f.auth.Method = method
		first := f.sign(t)
		require.Equal(t, "2", first.Access.UserID)
		require.Equal(t, noon, first.Access.ReceivedAt)
		second, err := f.client.RefreshGrant(context.Background(), f.auth, first.Refresh)
		require.NoError(t, err)
		require.NotEqual(t, first.Access.ID, second.Access.ID)
		require.NotEqual(t, first.Refresh, second.Refresh)
		for _, exchange := range f.pm.Exchanges() {
			require.Equal(t, method == client.ClientSecretBasic, exchange.BasicAuth)
			require.Equal(t, "application/x-www-form-urlencoded", exchange.ContentType)
			require.Equal(t, "application/json", exchange.Accept)
			require.Equal(t, "test/1", exchange.UserAgent)
		}
	}
}

func TestScopesAreSentOnlyIfSet(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.login.Scopes = []string{"*"}
	f.sign(t)
	f.login.Scopes = []string{"unknown"}
	_, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.Equal(t, client.ScopeRefused, client.KindOf(err))
}

func TestLeague9(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *processmakertest.Config) { c.League9 = true })
	grant := f.sign(t)
	_, err := f.client.RefreshGrant(context.Background(), f.auth, grant.Refresh)
	require.NoError(t, err)
	_, err = f.client.RefreshGrant(context.Background(), f.auth, grant.Refresh)
	require.Equal(t, client.GrantDead, client.KindOf(err))
}

func TestADeadRefreshTokenIsNotABadRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.client.RefreshGrant(context.Background(), f.auth, "def50200")
	require.Equal(t, client.GrantDead, client.KindOf(err))
	_, err = f.client.RefreshGrant(context.Background(), f.auth, "")
	require.Error(t, err)
	f.auth.Secret = "wrong"
	_, err = f.client.RefreshGrant(context.Background(), f.auth, "def50200")
	require.Equal(t, client.ClientRefused, client.KindOf(err))
	require.True(t, client.RefusedWithoutUse(err))
}

func TestTokenAlive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	grant := f.sign(t)
	alive, err := f.client.TokenAlive(context.Background(), grant.Access)
	require.NoError(t, err)
	require.True(t, alive)
	require.NoError(t, f.client.RevokeToken(context.Background(), grant.Access))
	alive, err = f.client.TokenAlive(context.Background(), grant.Access)
	require.NoError(t, err)
	require.False(t, alive)
}

func TestAYoungTokensQuestionThatRunsOutOfTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	grant := f.sign(t)
	require.NoError(t, f.client.RevokeToken(context.Background(), grant.Access))
	// The clock stands still, so the token stays young.
	still, err := client.New(configFor(t, f.pm.URL()), clocktest.New(noon))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	f.pm.Inject(processmakertest.Fault{On: processmakertest.ShowToken, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		cancel()
		return status, body
	})})
	_, err = still.TokenAlive(ctx, grant.Access)
	require.ErrorContains(t, err, "no time to ask again")
}

func TestTheBreakerAnswersForAnUnreachableInstance(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	grant := f.sign(t)
	f.pm.GoOffline()
	f.client.Close()
	_, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.True(t, client.CertainlyNotDelivered(err))
	require.ErrorContains(t, err, "connection refused")
	require.NoError(t, f.pm.GoOnline())
	f.pm.ResetLog()

	_, err = f.client.PasswordGrant(context.Background(), f.auth, f.login)
	var failure *client.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, client.Unavailable, failure.Kind)
	require.True(t, failure.NotSent)
	require.Equal(t, noon.Add(5*time.Second), failure.RetryAt)
	require.Zero(t, f.pm.Count())

	// The question that decides a token's fate passes, and its answer shows
	// everybody that the instance is back.
	alive, err := f.client.TokenAlive(context.Background(), grant.Access)
	require.NoError(t, err)
	require.True(t, alive)
	f.sign(t)
}

func TestMaintenanceIsObeyed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Do: processmakertest.Maintenance(60)})
	_, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.Equal(t, client.Unavailable, client.KindOf(err))
	_, err = f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.True(t, client.CertainlyNotDelivered(err))
	require.Equal(t, 1, f.pm.Count())
	f.clock.Advance(time.Minute)
	f.sign(t)
}

func TestTheBudgetKeepsClearOfTheThrottle(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *processmakertest.Config) { c.TokenRequestsPerMinute = 60 })
	cfg := configFor(t, f.pm.URL())
	cfg.TokenRequestsPerMinute = 60
	var err error
	f.client, err = client.New(cfg, f.clock)
	require.NoError(t, err)
	made, refused := 0, 0
	for range 300 {
		if _, err := f.client.PasswordGrant(context.Background(), f.auth, f.login); err == nil {
			made++
		} else {
			require.Equal(t, client.Throttled, client.KindOf(err))
			refused++
		}
		f.clock.Advance(300 * time.Millisecond)
	}
	require.Equal(t, made, f.pm.Count(), "no call met the server's own limit")
	require.Positive(t, refused)
	require.GreaterOrEqual(t, made, 60)

	// New settings do not spend the same minute's calls again.
	next, err := client.New(cfg, f.clock)
	require.NoError(t, err)
	next.Inherit(f.client)
	for range 120 {
		_, _ = next.PasswordGrant(context.Background(), f.auth, f.login)
	}
	for _, exchange := range f.pm.Exchanges() {
		require.NotEqual(t, http.StatusTooManyRequests, exchange.Status)
	}
}

func TestOthersMaySpendTheSameBudget(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *processmakertest.Config) { c.TokenRequestsPerMinute = 3 })
	f.sign(t)
	f.sign(t)
	f.sign(t)
	before := f.pm.Count()
	_, err := f.client.PasswordGrant(context.Background(), f.auth, f.login)
	require.Equal(t, client.Throttled, client.KindOf(err))
	require.Equal(t, before, f.pm.Count(), "the server had said that none remain")
}

func TestACallerWhoLeavesStopsWaitingButNotWhatWasSent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cfg := configFor(t, f.pm.URL())
	cfg.MaxConcurrentRequests = 2
	var err error
	f.client, err = client.New(cfg, f.clock)
	require.NoError(t, err)
	release := make(chan struct{})
	f.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 2, Do: processmakertest.HoldAnswer(release)})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := f.client.PasswordGrant(ctx, f.auth, f.login); err != nil {
				t.Errorf("a call that was sent is waited for: %s", err)
			}
		})
	}
	for f.pm.PeakInFlight() < 2 {
		time.Sleep(time.Millisecond)
	}
	wg.Go(func() {
		_, err := f.client.PasswordGrant(ctx, f.auth, f.login)
		if !client.CertainlyNotDelivered(err) {
			t.Errorf("%v", err)
		}
	})
	cancel()
	close(release)
	wg.Wait()
	require.Equal(t, 2, f.pm.Count())
}

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
	_, err = impatient.PasswordGrant(context.Background(), f.auth, f.login)
	require.ErrorContains(t, err, "no answer within 50ms")
	require.False(t, client.CertainlyNotDelivered(err))
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
			require.Equal(t, name != "not HTTP", client.CertainlyNotDelivered(err))
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
	_, err = c.PasswordGrant(context.Background(), client.AuthClient{}, client.Login{})
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
		"ca_cert holds":             func(c *client.Config) { c.CACert = "S3CRET" },
		"go together":               func(c *client.Config) { c.ClientKey = "S3CRET" },
		"are not a PEM certificate": func(c *client.Config) { c.ClientKey, c.ClientCert = "S3CRET", pemOf(certified) },
		"other than PEM":            func(c *client.Config) { c.ClientKey, c.ClientCert = "S3CRET", "x" },
	} {
		cfg := good
		change(&cfg)
		_, err := client.New(cfg, clock.System())
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "S3CRET")
	}
}

func TestEveryKindHasAName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for kind := client.GrantDead; kind <= client.Forbidden; kind++ {
		require.False(t, seen[kind.String()], kind.String())
		seen[kind.String()] = true
	}
	require.Equal(t, "unknown failure", client.Kind(0).String())
	require.Zero(t, client.KindOf(errors.New("another")))
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

func TestCallsThatDidNotArriveCostNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cfg := configFor(t, f.pm.URL())
	cfg.TokenRequestsPerMinute = 1
	c, err := client.New(cfg, f.clock)
	require.NoError(t, err)
	f.pm.GoOffline()
	_, err = c.PasswordGrant(context.Background(), f.auth, f.login)
	require.True(t, client.CertainlyNotDelivered(err))
	require.NoError(t, f.pm.GoOnline())
	f.clock.Advance(5 * time.Second)
	_, err = c.PasswordGrant(context.Background(), f.auth, f.login)
	require.NoError(t, err)
}
