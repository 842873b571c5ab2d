package processmakertest

import (
	"sync"
	"sync/atomic"
	"time"
)

// Exchange is one request and what became of it.
type Exchange struct {
	// Number counts from 1 and goes on over ResetLog.
	Number   int       `json:"number"`
	At       time.Time `json:"at"`
	Endpoint Endpoint  `json:"endpoint"`
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	// Status is what the server decided to answer, be it that the answer got
	// lost; 0 while undecided and when nothing was processed.
	Status int `json:"status"`
	// ClientID and Username are what a token call sent, and who a bearer token
	// or, at the authorization endpoint, a web session belongs to elsewhere.
	ClientID string `json:"client_id"`
	Username string `json:"username"`
	// TokenID is the access token that was made or addressed.
	TokenID string `json:"token_id"`
	// AnswerRead is false as long as the answer was not sent, and stays so if
	// the connection was cut, the client had gone, or a proxy's answer took the
	// place of the product's. It turns false again when the client resets the
	// connection, as the kernel does for a process that died with the answer
	// unread.
	AnswerRead  bool   `json:"answer_read"`
	UserAgent   string `json:"user_agent"`
	Accept      string `json:"accept"`
	ContentType string `json:"content_type"`
	BasicAuth   bool   `json:"basic_auth"`
	RemoteAddr  string `json:"remote_addr"`
	// Finished is set once nothing more is processed for the request.
	Finished bool `json:"finished"`
}

// record is an exchange in the log. The log's lock guards everything but read,
// which connections change.
type record struct {
	exchange     Exchange
	entered      int
	left         int // 0 while inside
	refreshToken string
	read         atomic.Bool
}

// exchangeLog keeps the records since the last reset.
type exchangeLog struct {
	mu      sync.Mutex
	records []*record
	number  int
	// events numbers arrivals and departures, so that what was inside at one
	// moment can be told afterwards for any choice of endpoints.
	events      int
	refreshing  map[string]int
	overlapping int
}

func newExchangeLog() *exchangeLog { return &exchangeLog{refreshing: map[string]int{}} }

// enter notes the arrival of a request.
func (l *exchangeLog) enter(v *visit, now time.Time) *record {
	r, header := v.request, v.request.Header
	rec := &record{exchange: Exchange{
		At: now, Endpoint: v.route.endpoint, Method: r.Method, Path: r.URL.Path, TokenID: v.tokenID,
		UserAgent: header.Get("User-Agent"), Accept: header.Get("Accept"), ContentType: header.Get("Content-Type"),
		RemoteAddr: r.RemoteAddr,
	}}
	_, _, rec.exchange.BasicAuth = basicCredentials(header.Get("Authorization"), true)
	if v.route.endpoint.isGrant() {
		rec.exchange.ClientID, _ = v.clientID()
		rec.exchange.Username, _ = v.fields.text("username")
	}
	if v.route.endpoint == RefreshGrant {
		rec.refreshToken, _ = v.fields.text("refresh_token")
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	l.events++
	rec.exchange.Number, rec.entered = l.number, l.events
	l.records = append(l.records, rec)
	if rec.refreshToken != "" {
		if l.refreshing[rec.refreshToken] > 0 {
			l.overlapping++
		}
		l.refreshing[rec.refreshToken]++
	}
	return rec
}

// nameCaller notes who a bearer token or a web session belongs to.
func (l *exchangeLog) nameCaller(rec *record, clientID, username string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec.exchange.ClientID, rec.exchange.Username = clientID, username
}

// leave notes that a request is decided. It comes before the answer is sent,
// so that a client that has read the answer finds the log complete.
func (l *exchangeLog) leave(v *visit, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec := v.record
	l.events++
	rec.left = l.events
	rec.exchange.Status, rec.exchange.Finished = status, !v.unfinished
	if !v.unfinished {
		rec.exchange.TokenID = v.tokenID
	}
	if rec.refreshToken == "" {
		return
	}
	if l.refreshing[rec.refreshToken]--; l.refreshing[rec.refreshToken] == 0 {
		delete(l.refreshing, rec.refreshToken)
	}
}

// finish notes that the work of a request is done whose caller had its answer
// before.
func (l *exchangeLog) finish(rec *record, tokenID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec.exchange.TokenID, rec.exchange.Finished = tokenID, true
}

// Exchanges gives what has come in since the start or the last ResetLog, in
// order of arrival.
func (s *Server) Exchanges() []Exchange {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	out := make([]Exchange, 0, len(s.log.records))
	for _, rec := range s.log.records {
		e := rec.exchange
		e.AnswerRead = rec.read.Load()
		out = append(out, e)
	}
	return out
}

// Count gives the number of exchanges of these kinds; none given means all.
func (s *Server) Count(endpoints ...Endpoint) int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	count := 0
	for _, rec := range s.log.records {
		if coveredByAny(endpoints, rec.exchange.Endpoint) {
			count++
		}
	}
	return count
}

// ResetLog forgets the exchanges so far, also those that are still inside.
func (s *Server) ResetLog() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.records, s.log.overlapping = nil, 0
}

// PeakInFlight gives the most requests of these kinds that were inside the
// server at one moment. A request leaves when its answer is decided.
func (s *Server) PeakInFlight(endpoints ...Endpoint) int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	change := make([]int, s.log.events+1)
	for _, rec := range s.log.records {
		if coveredByAny(endpoints, rec.exchange.Endpoint) {
			change[rec.entered]++
			change[rec.left]--
		}
	}
	inside, peak := 0, 0
	// Departures at 0 are those that have not happened.
	for _, step := range change[1:] {
		inside += step
		peak = max(peak, inside)
	}
	return peak
}

// OverlappingRefreshes gives the number of refreshes that arrived while another
// one with the same refresh token was inside.
func (s *Server) OverlappingRefreshes() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.overlapping
}

// sessionCookie is any value that differs from request to request.
func (s *Server) sessionCookie(rec *record) string {
	return s.cookies.letters("session", uint64(rec.exchange.Number), 40)
}
