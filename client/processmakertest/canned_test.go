package processmakertest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/clock"
)

// engineClient is the engine's own client of a double.
func engineClient(t *testing.T, pm interface {
	URL() string
	CACertPEM() string
}) *client.Client {
	t.Helper()
	base, err := url.Parse(pm.URL())
	require.NoError(t, err)
	c, err := client.New(client.Config{
		BaseURL: base, CACert: pm.CACertPEM(), RequestTimeout: 10 * time.Second, MaxConcurrentRequests: 8,
	}, clock.System())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// What measures the engine has to take the same ways through it as the double
// that keeps the books.
func TestCannedAnswersAreTheProducts(t *testing.T) {
	t.Parallel()
	pm, err := processmakertest.StartCanned(processmakertest.Config{TLS: true})
	require.NoError(t, err)
	t.Cleanup(pm.Close)
	full, err := processmakertest.Start(processmakertest.Config{TLS: true})
	require.NoError(t, err)
	t.Cleanup(full.Close)
	c, auth := engineClient(t, pm), client.AuthClient{ID: "3", Secret: "any"}

	require.NoError(t, c.CheckConnection(t.Context()))
	require.NoError(t, c.CheckTokenEndpoint(t.Context()))
	first, err := c.For(client.Caller{}).PasswordGrant(t.Context(), auth, client.Login{Username: "any", Password: "any"})
	require.NoError(t, err)
	second, err := c.For(client.Caller{}).RefreshGrant(t.Context(), auth, first.Refresh)
	require.NoError(t, err)
	personal, err := c.CreatePersonalToken(t.Context(), second.Access, second.Access.UserID, "any")
	require.NoError(t, err)
	ids := map[string]bool{first.Access.ID: true, second.Access.ID: true, personal.ID: true}
	assert.Len(t, ids, 3)

	registered := full.Client(3)
	genuine, err := engineClient(t, full).For(client.Caller{}).PasswordGrant(t.Context(), client.AuthClient{ID: "3", Secret: registered.Secret},
		client.Login{Username: "alice", Password: full.User("alice").Password})
	require.NoError(t, err)
	assert.Len(t, first.Access.ID, len(genuine.Access.ID))
	assert.InDelta(t, len(genuine.Access.Value), len(first.Access.Value), 8)
	assert.InDelta(t, len(genuine.Refresh), len(first.Refresh), 40)
	assert.Equal(t, genuine.Access.UserID, first.Access.UserID)
	assert.WithinDuration(t, genuine.Access.ExpireTime, first.Access.ExpireTime, 25*time.Hour)

	for _, token := range []client.Token{second.Access, personal} {
		require.NoError(t, c.RevokeToken(t.Context(), token))
	}
	assert.Equal(t, processmakertest.CannedCounts{
		Connections: 1, TokenCalls: 2, Creations: 1, Revocations: 2, LookUps: 2, MostRevoking: 1,
	}, pm.Counts())

	counts, err := http.NewRequest(http.MethodGet, "/_test/counts", http.NoBody)
	require.NoError(t, err)
	answer := httptest.NewRecorder()
	pm.ServeHTTP(answer, counts)
	var told processmakertest.CannedCounts
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&told))
	assert.Equal(t, pm.Counts(), told)
}

// discard is the cheapest http.ResponseWriter there is.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkCanned is what a call costs the double itself; it has to stay far
// below what is measured with it.
func BenchmarkCanned(b *testing.B) {
	pm, err := processmakertest.StartCanned(processmakertest.Config{})
	require.NoError(b, err)
	b.Cleanup(pm.Close)
	form := []byte("grant_type=password&username=alice&password=secret&client_id=3&client_secret=secret")
	for name, call := range map[string]struct{ method, path string }{
		"password grant":  {http.MethodPost, "/oauth/token"},
		"personal token":  {http.MethodPost, "/api/1.0/users/2/tokens"},
		"revocation":      {http.MethodDelete, "/api/1.0/users/2/tokens/b0"},
		"unnamed revoked": {http.MethodDelete, "/api/1.0/users/2/tokens/a0"},
	} {
		b.Run(name, func(b *testing.B) {
			req := httptest.NewRequest(call.method, call.path, nil)
			body := bytes.NewReader(nil)
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(form)
				req.Body = io.NopCloser(body)
				pm.ServeHTTP(w, req)
			}
		})
	}
}
