package processmakertest

import "sync"

// HalfRefresh breaks a refresh half way: both old tokens are dead, nothing new
// exists, and the answer is a server error. Other requests are not harmed.
func HalfRefresh() Effect {
	return Effect{run: func(v *visit) delivery {
		v.breakHalfWay = true
		return delivery{answer: v.process()}
	}}
}

// MeetRefresh lets the next n refreshes with one token all pass the check
// before any of them writes, so that all of them win. The real product allows
// that, as nothing holds the check and the writes together. The first refresh
// that comes decides which token it is, and waits for the others even if its
// client goes away. One injection is good for n requests.
func MeetRefresh(n int) Effect {
	n = max(1, n)
	m := &meeting{missing: n, complete: make(chan struct{})}
	return Effect{
		uses: n,
		claims: func(v *visit) bool {
			token, ok := v.fields.text("refresh_token")
			return ok && v.route.endpoint == RefreshGrant && m.isFor(token)
		},
		run: func(v *visit) delivery {
			arrived := false
			v.meet = func() {
				arrived = true
				m.arrive(v)
			}
			a := v.process()
			if !arrived {
				// Refused before the check, by the throttle or for its client.
				m.resign()
			}
			return delivery{answer: a}
		},
	}
}

// meeting is where refreshes wait for one another.
type meeting struct {
	mu       sync.Mutex
	token    string
	missing  int
	complete chan struct{}
}

func (m *meeting) isFor(token string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.token == "" {
		m.token = token
	}
	return m.token == token
}

// resign takes one off those who are waited for.
func (m *meeting) resign() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missing--
	if m.missing == 0 {
		close(m.complete)
	}
}

// arrive waits until everybody is there.
func (m *meeting) arrive(v *visit) {
	m.resign()
	select {
	case <-m.complete:
	case <-v.server.closing:
	}
}
