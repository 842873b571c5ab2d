//go:build unix

package acceptance

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// gateway stands between the engine and ProcessMaker, ends its TLS, and puts
// every token that passes through into a list of secrets.
type gateway struct {
	server            *httptest.Server
	clientCertificate atomic.Bool // a caller showed one
}

func newGateway(t *testing.T, processMaker string, found *secrets) *gateway {
	t.Helper()
	target, err := url.Parse(processMaker)
	require.NoError(t, err)
	g := &gateway{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if r.In.TLS != nil && len(r.In.TLS.PeerCertificates) > 0 {
				g.clientCertificate.Store(true)
			}
		},
		ModifyResponse: func(response *http.Response) error { return collectTokens(response, found) },
		// What ProcessMaker does to the connection happens to the engine's too.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	g.server = httptest.NewUnstartedServer(proxy)
	g.server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	g.server.StartTLS()
	t.Cleanup(g.server.Close)
	return g
}

func (g *gateway) caCert() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.server.Certificate().Raw}))
}

// tokenField is a token in an answer, which may have been cut short.
var tokenField = regexp.MustCompile(`"(access|refresh)_?[tT]oken": ?"([^"]+)`)

func collectTokens(response *http.Response, found *secrets) error {
	body, err := io.ReadAll(response.Body)
	var rest io.Reader = bytes.NewReader(body)
	if err != nil {
		rest = io.MultiReader(rest, failingReader{err}) // cut where it was cut
	}
	response.Body = io.NopCloser(rest)
	for _, match := range tokenField.FindAllSubmatch(body, -1) {
		if token := string(match[2]); len(token) > fragmentLength {
			found.add(string(match[1])+" token", token)
		}
	}
	return nil
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
