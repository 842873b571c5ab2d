package processmakertest_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func throttled(limit int) func(*processmakertest.Config) {
	return func(c *processmakertest.Config) { c.TokenRequestsPerMinute = limit }
}

func TestTheThrottleWindowBeginsWithTheFirstCall(t *testing.T) {
	t.Parallel()
	s := newStage(t, throttled(3))
	call := func() reply { return s.grant(fields{"grant_type": "magic"}) }

	assert.Equal(t, "2", call().header.Get("X-RateLimit-Remaining"))
	s.clock.Advance(50 * time.Second)
	call()
	assert.Equal(t, "0", call().header.Get("X-RateLimit-Remaining"))

	refused := call()
	assert.Equal(t, http.StatusTooManyRequests, refused.status)
	assert.Equal(t, "3", refused.header.Get("X-RateLimit-Limit"))
	assert.Equal(t, "10", refused.header.Get("Retry-After"))
	assert.Equal(t, strconv.FormatInt(s.clock.Now().Unix()+10, 10), refused.header.Get("X-RateLimit-Reset"))
	assert.Equal(t, "Too Many Attempts.", refused.field("message"))

	s.clock.Advance(9 * time.Second)
	assert.Equal(t, "1", call().header.Get("Retry-After"), "being refused does not make the wait longer")
	s.clock.Advance(time.Second)
	assert.Equal(t, "2", call().header.Get("X-RateLimit-Remaining"), "a new window")
}

func TestTheWaitIsRoundedDown(t *testing.T) {
	t.Parallel()
	s := newStage(t, throttled(1))
	call := func() reply { return s.grant(fields{"grant_type": "magic"}) }
	// The window begins 151 milliseconds after the full second.
	call()
	s.clock.Advance(59 * time.Second)
	assert.Equal(t, "1", call().header.Get("Retry-After"))
	s.clock.Advance(900 * time.Millisecond)
	refused := call()
	assert.Equal(t, http.StatusTooManyRequests, refused.status)
	assert.Equal(t, "0", refused.header.Get("Retry-After"))
	assert.Equal(t, strconv.FormatInt(s.clock.Now().Unix(), 10), refused.header.Get("X-RateLimit-Reset"))
	s.clock.Advance(100 * time.Millisecond)
	assert.Equal(t, http.StatusBadRequest, call().status)
}

func TestTheThrottleCountsByAddressOnly(t *testing.T) {
	t.Parallel()
	s := newStage(t, throttled(2))
	s.login("admin")
	s.grant(fields{"grant_type": "client_credentials", "client_id": "2"})
	got := s.send("POST", "/oauth/token", s.grantBody(s.passwordFields("alice")),
		"Content-Type", "application/json", "Accept", "application/json", "X-Forwarded-For", "192.0.2.7")
	assert.Equal(t, http.StatusTooManyRequests, got.status)
}

func TestTheAPIHasNoThrottle(t *testing.T) {
	t.Parallel()
	s := newStage(t, throttled(1))
	token := s.login("admin")
	for range 5 {
		got := s.api("GET", "users/1", token.access, "")
		assert.Equal(t, http.StatusOK, got.status)
		assert.Empty(t, got.header.Values("X-RateLimit-Limit"))
	}
}

func TestTheRefusalIsJSONOnlyIfJSONComesFirst(t *testing.T) {
	t.Parallel()
	s := newStage(t, throttled(1))
	s.login("admin")
	cases := map[string]bool{
		"":                                    false,
		"*/*":                                 false,
		"application/json":                    true,
		"application/problem+json, text/html": true,
		"text/html, application/json":         false,
		"text/html;q=0.5, application/json":   true,
		"application/json;q=0.1, text/html":   false,
	}
	for accept, isJSON := range cases {
		got := s.send("POST", "/oauth/token", "", "Accept", accept)
		assert.Equal(t, http.StatusTooManyRequests, got.status)
		assert.Equal(t, isJSON, got.header.Get("Content-Type") == "application/json", "Accept %q", accept)
		assert.NotEmpty(t, got.header.Get("Retry-After"), "Accept %q", accept)
	}
}

func TestWithoutAThrottleThereAreNoHeaders(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	assert.Empty(t, s.grant(s.passwordFields("admin")).header.Values("X-RateLimit-Limit"))
}
