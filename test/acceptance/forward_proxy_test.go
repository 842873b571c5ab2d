//go:build unix

package acceptance

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// forwardProxy is a proxy of the kind companies put in front of the internet:
// it wants a password and tunnels.
type forwardProxy struct {
	server  *httptest.Server
	tunnels atomic.Int64
}

func newForwardProxy(t *testing.T, user, password string) *forwardProxy {
	t.Helper()
	p := &forwardProxy{}
	want := http.Request{Header: http.Header{}}
	want.SetBasicAuth(user, password)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != want.Header.Get("Authorization") {
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		p.tunnel(w, r.Host)
	}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *forwardProxy) tunnel(w http.ResponseWriter, host string) {
	far, err := net.Dial("tcp", host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	p.tunnels.Add(1)
	splice(w, far)
}

// splice answers a CONNECT by joining the two ends.
func splice(w http.ResponseWriter, far net.Conn) {
	defer far.Close()
	near, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(far, buffered)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
}

// url is the proxy's address with a login.
func (p *forwardProxy) url(t *testing.T, user, password string) string {
	t.Helper()
	address, err := url.Parse(p.server.URL)
	require.NoError(t, err)
	address.User = url.UserPassword(user, password)
	return address.String()
}
