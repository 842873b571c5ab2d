// Package client talks to one ProcessMaker instance over HTTP: its OAuth 2.0
// token endpoint (Laravel Passport) and the part of its REST API that makes, shows
// and ends tokens, shows users and changes passwords. It knows nothing of Vault.
//
// Every exchange passes the same gates: a breaker that answers at once while
// the instance is known to be unreachable, a budget for the throttled token
// endpoint, and lanes that bound the exchanges in flight. Nothing is sent twice
// unless it certainly did not arrive or is idempotent.
package client

import (
	"net/http"
	"net/url"
	"time"

	"vault-plugin-secrets-processmaker/internal/clock"
)

// Client is safe for concurrent use. It never changes once made: other
// settings are another Client.
type Client struct {
	base      *url.URL
	tokenURL  string
	userAgent string
	timeout   time.Duration
	// tokenLimit is the limit of the settings; budget may be older than they.
	tokenLimit int

	transport *http.Transport
	clock     clock.Clock
	budget    *budget
	lanes     *lanes
	breaker   *breaker
	observe   func(operation, outcome string, took time.Duration)
}

// New makes a Client.
func New(cfg Config, clk clock.Clock) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	transport, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{
		base:       cfg.BaseURL,
		tokenURL:   cfg.BaseURL.JoinPath("oauth", "token").String(),
		userAgent:  cfg.UserAgent,
		timeout:    cfg.RequestTimeout,
		tokenLimit: cfg.TokenRequestsPerMinute,
		transport:  transport,
		clock:      clk,
		budget:     newBudget(clk, cfg.TokenRequestsPerMinute),
		lanes:      newLanes(cfg.MaxConcurrentRequests),
		breaker:    newBreaker(clk, cfg.ReachabilityChanged),
		observe:    cfg.Observe,
	}, nil
}

// Inherit takes over the count of token calls that previous has made, so that
// new settings do not spend the same minute's calls again. It is called before c
// is used by anybody else, and only when c takes the place of previous.
func (c *Client) Inherit(previous *Client) {
	if previous.base.String() != c.base.String() {
		return
	}
	ahead := c.budget
	c.budget = previous.budget
	c.budget.setLimit(c.tokenLimit)
	c.budget.add(ahead)
}

// Close lets go of idle connections. Exchanges in flight are not disturbed.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// endpoint is the URL of a path below the base URL.
func (c *Client) endpoint(segments ...string) string {
	return c.base.JoinPath(segments...).String()
}

// apiEndpoint is the URL of a path of the REST API.
func (c *Client) apiEndpoint(segments ...string) string {
	return c.endpoint(append([]string{"api", "1.0"}, segments...)...)
}
