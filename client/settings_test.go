package client

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTLSMinimumVersion(t *testing.T) {
	t.Parallel()
	cfg, err := newTLSConfig(Config{})
	require.NoError(t, err)
	require.Equal(t, uint16(tls.VersionTLS12), cfg.MinVersion)
	cfg, err = newTLSConfig(Config{TLSMinVersion: tls.VersionTLS13})
	require.NoError(t, err)
	require.Equal(t, uint16(tls.VersionTLS13), cfg.MinVersion)
}

func TestHTTP1Only(t *testing.T) {
	t.Parallel()
	transport, err := newTransport(Config{BaseURL: &url.URL{Scheme: "https", Host: "bpm.example.com"}, RequestTimeout: time.Second, MaxConcurrentRequests: 2})
	require.NoError(t, err)
	require.True(t, transport.Protocols.HTTP1())
	require.False(t, transport.Protocols.HTTP2())
}

func TestOnlyARefreshReadsInvalidRequestAsADeadGrant(t *testing.T) {
	t.Parallel()
	r := &reply{status: http.StatusUnauthorized, header: header(), json: true, body: []byte(`{"error":"invalid_request"}`)}
	require.Equal(t, GrantDead, grantFailure(refreshGrant, r).Kind)
	require.Equal(t, BadRequest, grantFailure(passwordGrant, r).Kind)
	require.Equal(t, BadRequest, grantFailure(codeGrant, r).Kind)
}

func TestCertificateAlertsMeanNothingWasDelivered(t *testing.T) {
	t.Parallel()
	require.True(t, failedToConnect(tls.AlertError(42)))
	require.True(t, failedToConnect(tls.AlertError(116)))
	require.False(t, failedToConnect(tls.AlertError(80)))
}
