package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config describes one ProcessMaker instance and how it is reached.
type Config struct {
	// BaseURL is the instance's own URL, with an optional path, without a
	// slash at its end.
	BaseURL *url.URL
	// CACert holds the PEM certificates that the instance's certificate is
	// checked against; empty means the system's.
	CACert string
	// ClientCert and ClientKey are the PEM texts of a client certificate;
	// both or none.
	ClientCert, ClientKey string
	// TLSServerName replaces the host of BaseURL in certificate checks.
	TLSServerName string
	// TLSMinVersion is a version of crypto/tls; 0 means TLS 1.2.
	TLSMinVersion uint16
	// InsecureTLS switches the certificate check off.
	InsecureTLS bool
	// ProxyURL is the proxy for every call; nil means what the environment
	// says.
	ProxyURL *url.URL
	// RequestTimeout bounds one HTTP exchange.
	RequestTimeout time.Duration
	// MaxConcurrentRequests bounds the exchanges in flight; at least 2.
	MaxConcurrentRequests int
	// TokenRequestsPerMinute bounds the calls of /oauth/token; 0 means no
	// bound of our own.
	TokenRequestsPerMinute int
	// UserAgent is sent with every call.
	UserAgent string
	// ReachabilityChanged, if set, is told when the instance is found
	// unreachable, and when it is back. It must not block.
	ReachabilityChanged func(unreachable bool)
	// Observe, if set, is told of every exchange that was tried, with one of the
	// outcomes below and how long it took. It must not block.
	Observe func(operation, outcome string, took time.Duration)
}

// idleConnTimeout stays below the keep-alive time of the servers and load
// balancers usually found in front of PHP (60 s and more): a connection that
// the other side closes first makes a request fail of which nobody knows
// whether it arrived.
const idleConnTimeout = 30 * time.Second

func newTransport(cfg Config) (*http.Transport, error) {
	tlsConfig, err := newTLSConfig(cfg)
	if err != nil {
		return nil, err
	}
	proxy := http.ProxyFromEnvironment
	if cfg.ProxyURL != nil {
		proxy = http.ProxyURL(cfg.ProxyURL)
	}
	return &http.Transport{
		Proxy:                  proxy,
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    cfg.RequestTimeout,
		MaxIdleConns:           cfg.MaxConcurrentRequests,
		MaxIdleConnsPerHost:    cfg.MaxConcurrentRequests,
		IdleConnTimeout:        idleConnTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		// HTTP/1.1 alone: over HTTP/2 a lost connection takes every request
		// on it along, and which of them arrived cannot be told.
		Protocols: http1Only(),
	}, nil
}

func http1Only() *http.Protocols {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &protocols
}

func newTLSConfig(cfg Config) (*tls.Config, error) {
	tlsConfig := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         cfg.TLSServerName,
		InsecureSkipVerify: cfg.InsecureTLS, //nolint:gosec // an explicit, documented choice of the operator
	}
	if cfg.TLSMinVersion != 0 {
		tlsConfig.MinVersion = cfg.TLSMinVersion
	}
	for field, text := range map[string]string{"ca_cert": cfg.CACert, "client_cert": cfg.ClientCert} {
		if text != "" && !strings.Contains(text, "-----BEGIN ") {
			return nil, fmt.Errorf("%s expects PEM certificates, which begin with \"-----BEGIN CERTIFICATE-----\": use %s=@file to read a file, for example %s=@%s.pem", field, field, field, field)
		}
		if !onlyCertificates(text) {
			return nil, fmt.Errorf("%s holds something other than PEM certificates: it is read back in clear, so a key belongs into client_key", field)
		}
	}
	if cfg.CACert != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(cfg.CACert)) {
			return nil, errors.New("ca_cert holds no PEM certificate: use ca_cert=@file to read a file")
		}
		tlsConfig.RootCAs = pool
	}
	switch {
	case cfg.ClientCert != "" && cfg.ClientKey != "":
		certificate, err := tls.X509KeyPair([]byte(cfg.ClientCert), []byte(cfg.ClientKey))
		if err != nil {
			// The cause is left out: parsers may quote what they were given.
			return nil, errors.New("client_cert and client_key are not a PEM certificate and its key: use client_cert=@file and client_key=@file to read files, for example client_cert=@client.pem client_key=@client-key.pem")
		}
		tlsConfig.Certificates = []tls.Certificate{certificate}
	case cfg.ClientCert != "" || cfg.ClientKey != "":
		return nil, errors.New("client_cert and client_key go together: give both or none, for example client_cert=@client.pem client_key=@client-key.pem")
	}
	return tlsConfig, nil
}

// Validate says what is wrong with the settings, in the terms of their fields.
func (cfg Config) Validate() error {
	switch {
	case cfg.BaseURL == nil || cfg.BaseURL.Host == "":
		return errors.New("url has no host")
	case cfg.MaxConcurrentRequests < 2:
		return fmt.Errorf("max_concurrent_requests is %d, at least 2 are needed", cfg.MaxConcurrentRequests)
	case cfg.RequestTimeout <= 0:
		return fmt.Errorf("request_timeout is %s, it must be positive", cfg.RequestTimeout)
	case cfg.TokenRequestsPerMinute < 0:
		return fmt.Errorf("token_requests_per_minute is %d, it cannot be negative", cfg.TokenRequestsPerMinute)
	}
	_, err := newTLSConfig(cfg)
	return err
}

// onlyCertificates tells whether every PEM block of text is a certificate and
// there is nothing but blanks around them.
func onlyCertificates(text string) bool {
	rest := []byte(text)
	for len(bytes.TrimSpace(rest)) > 0 {
		var block *pem.Block
		before := rest
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return false
		}
		if !bytes.HasPrefix(bytes.TrimSpace(before), []byte("-----BEGIN CERTIFICATE-----")) {
			return false
		}
	}
	return true
}
