package client_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/clock"
)

// secretMarker stands in replies where a secret would, and in no error.
const secretMarker = "S3CR3T-MARKER"

// fuzzReplies calls use with a client whose every call is answered by the
// fuzzer: with a status, a content type and a body.
func fuzzReplies(f *testing.F, use func(t *testing.T, c *client.Client, body string)) {
	type reply struct {
		status            int
		contentType, body string
	}
	var next atomic.Pointer[reply]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r := next.Load()
		w.Header().Set("Content-Type", r.contentType)
		w.WriteHeader(r.status)
		_, _ = w.Write([]byte(r.body))
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		if status < 200 || status > 599 {
			t.Skip("not a final HTTP status")
		}
		// A client of its own: what one reply taught is not the next one's.
		c, err := client.New(configFor(t, server.URL), clock.System())
		require.NoError(t, err)
		defer c.Close()
		next.Store(&reply{status, contentType, body})
		use(t, c, body)
	})
}

// requireQuotesNothing requires of an error that it is typed, short, and no
// place where a reply's secret can be read.
func requireQuotesNothing(t *testing.T, err error) {
	t.Helper()
	require.NotZero(t, client.KindOf(err))
	require.NotContains(t, err.Error(), secretMarker)
	require.Less(t, len(err.Error()), 1000)
}
