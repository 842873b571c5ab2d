package processmakertest

import (
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// throttleWindow is how long the count that a first call begins is kept.
const throttleWindow = 60 * time.Second

// throttle counts calls of the token endpoint by client address, good and bad
// ones alike.
type throttle struct {
	limit   int
	mu      sync.Mutex
	windows map[string]*throttleCount
}

// throttleCount ends to the fraction of a second, but what the product tells
// about the end is in whole seconds, rounded down.
type throttleCount struct {
	calls int
	ends  time.Time
}

func newThrottle(limit int) *throttle {
	return &throttle{limit: limit, windows: map[string]*throttleCount{}}
}

// admit counts a call, or gives the seconds to wait. A refused call is not counted.
func (t *throttle) admit(address string, now time.Time) (wait int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	window := t.windows[address]
	if window == nil || !now.Before(window.ends) {
		window = &throttleCount{ends: now.Add(throttleWindow)}
		t.windows[address] = window
	}
	if window.calls >= t.limit {
		// In the last fraction of a second that is 0, and coming back then is early.
		return int(window.ends.Unix() - now.Unix()), false
	}
	window.calls++
	return 0, true
}

// remaining gives the calls that are left in the window.
func (t *throttle) remaining(address string, now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if window := t.windows[address]; window != nil && now.Before(window.ends) {
		return t.limit - window.calls
	}
	return t.limit
}

// throttled does the work behind the throttle, and says in the headers what is
// left when the work is done: calls that came in meanwhile count.
func (v *visit) throttled(work func() answer) answer {
	s, r := v.server, v.request
	if s.throttle.limit <= 0 {
		return work()
	}
	address, now := clientAddress(r), s.config.Clock()
	wait, ok := s.throttle.admit(address, now)
	if !ok {
		return tooManyAttempts(r, s.throttle.limit, wait, now)
	}
	a := work()
	if a.status == http.StatusInternalServerError && !v.world.countsCrashes {
		return a
	}
	a.header.Set("X-RateLimit-Limit", strconv.Itoa(s.throttle.limit))
	a.header.Set("X-RateLimit-Remaining", strconv.Itoa(s.throttle.remaining(address, s.config.Clock())))
	return a
}

func tooManyAttempts(r *http.Request, limit, wait int, now time.Time) answer {
	asJSON := wantsJSON(r.Header)
	message := "Too Many Attempts."
	if !asJSON {
		message = "Too Many Requests"
	}
	a := messageAnswer(http.StatusTooManyRequests, message, asJSON)
	a.header.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	a.header.Set("X-RateLimit-Remaining", "0")
	a.header.Set("Retry-After", strconv.Itoa(wait))
	a.header.Set("X-RateLimit-Reset", strconv.FormatInt(now.Unix()+int64(wait), 10))
	return a
}

// clientAddress ignores forwarded addresses, as the product does for proxies
// that it was not told to trust.
func clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
