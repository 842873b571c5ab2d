package processmakertest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server is a running ProcessMaker. Start makes one; all methods may be called
// from several goroutines.
type Server struct {
	config      Config
	release     release
	address     string
	caPEM       string
	certificate *tls.Certificate
	cookies     source
	throttle    *throttle
	faults      faults
	ordered     orderedFaults
	log         *exchangeLog

	// mu guards data.
	mu   sync.Mutex
	data *database
	// world is replaced by SetPassport; what is inside goes on in its own.
	world atomic.Pointer[world]

	// closing ends all waiting when the server is closed for good.
	closing chan struct{}
	visits  sync.WaitGroup

	// life guards what follows.
	life     sync.Mutex
	closed   bool
	listener *listener
	http     *http.Server
	// letGo ends the keeping of the address while the server is away; nil where
	// it is not kept.
	letGo func()
}

// maxBody is the size of a request body that the web server in front lets
// through.
const maxBody = 1 << 20

// Start starts a server. Close stops it.
func Start(config Config) (*Server, error) {
	config = config.withDefaults()
	version, err := parseRelease(config.Release)
	if err != nil {
		return nil, fmt.Errorf("starting a ProcessMaker: %w", err)
	}
	w, err := worldOf(config.Passport)
	if err != nil {
		return nil, fmt.Errorf("starting a ProcessMaker: %w", err)
	}
	s := &Server{
		config:   config,
		release:  version,
		address:  config.Address,
		cookies:  source{seed: []byte("cookies " + config.Seed)},
		throttle: newThrottle(config.TokenRequestsPerMinute),
		log:      newExchangeLog(),
		data:     newDatabase(config, w, config.Clock()),
		closing:  make(chan struct{}),
	}
	s.world.Store(w)
	if config.TLS {
		caPEM, certificate, err := newAuthority()
		if err != nil {
			return nil, fmt.Errorf("making the certificate of a ProcessMaker: %w", err)
		}
		s.caPEM, s.certificate = caPEM, &certificate
	}
	if err := s.GoOnline(); err != nil {
		return nil, fmt.Errorf("starting a ProcessMaker: %w", err)
	}
	return s, nil
}

// URL is the base URL, without a slash at the end.
func (s *Server) URL() string {
	scheme := "http://"
	if s.certificate != nil {
		scheme = "https://"
	}
	s.life.Lock()
	defer s.life.Unlock()
	return scheme + s.address
}

// CACertPEM is the certificate of the authority behind the server's own, or ""
// without TLS.
func (s *Server) CACertPEM() string { return s.caPEM }

// GoOnline listens at the server's address again, after GoOffline.
func (s *Server) GoOnline() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return errors.New("the server is closed")
	}
	if s.http != nil {
		return nil
	}
	s.letGoOfAddress()
	bound, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.address = bound.Addr().String()
	s.listener = &listener{Listener: bound, secure: s.certificate != nil, open: map[*connection]struct{}{}}
	s.http = &http.Server{
		Handler:     http.HandlerFunc(s.serve),
		ConnContext: withConnection,
		// What clients do wrong is their tests' business, not the log's.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	var accepting net.Listener = s.listener
	if s.certificate != nil {
		// Only HTTP/1.1, so that a connection has one exchange at a time.
		accepting = tls.NewListener(s.listener, &tls.Config{
			Certificates: []tls.Certificate{*s.certificate},
			NextProtos:   []string{"http/1.1"},
			MinVersion:   tls.VersionTLS12,
		})
	}
	server := s.http
	// Serve only ends when the server is closed, and its error says no more.
	go func() { _ = server.Serve(accepting) }()
	return nil
}

// GoOffline closes the listener and every connection, so that dials are
// refused. What is inside goes on being processed. The address stays the
// server's own, as others ask the system for free ports meanwhile.
func (s *Server) GoOffline() {
	s.life.Lock()
	defer s.life.Unlock()
	if s.http != nil {
		// Both, as the HTTP server may not have seen the listener yet. The
		// listener comes first: it says no farewell that could be waited for.
		s.listener.Close()
		s.http.Close()
		s.http = nil
		// Without it the server most likely comes back too.
		s.letGo, _ = keepPort(s.address)
	}
}

// letGoOfAddress ends what GoOffline has begun.
func (s *Server) letGoOfAddress() {
	if s.letGo != nil {
		s.letGo()
		s.letGo = nil
	}
}

// OpenConnections gives the number of connections that clients keep open.
func (s *Server) OpenConnections() int {
	s.life.Lock()
	listener := s.listener
	s.life.Unlock()
	listener.mu.Lock()
	defer listener.mu.Unlock()
	return len(listener.open)
}

// CloseConnections closes every connection and keeps listening.
func (s *Server) CloseConnections() {
	s.life.Lock()
	defer s.life.Unlock()
	if s.http != nil {
		s.listener.closeAll()
	}
}

// Close stops the server, ends all waiting in faults, and returns when no
// request is inside any more.
func (s *Server) Close() {
	s.GoOffline()
	s.life.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
		s.letGoOfAddress()
	}
	s.life.Unlock()
	s.visits.Wait()
}

// arrive counts a request in, unless the server is closed.
func (s *Server) arrive() bool {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return false
	}
	s.visits.Add(1)
	return true
}

// await is false when the server closes before release happens.
func (s *Server) await(release <-chan struct{}) bool {
	select {
	case <-release:
		return true
	case <-s.closing:
		return false
	}
}

// isClosing is true once nothing may wait any more.
func (s *Server) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// pause takes a real time, or until the server closes.
func (s *Server) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closing:
	}
}

// serve takes one request through the server.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.arrive() {
		cut(w)
		return
	}
	defer s.visits.Done()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	connectionOf(r).requestRead()
	if s.config.Control && s.serveControl(w, r, body) {
		return
	}
	v := s.newVisit(r, body)
	v.record = s.log.enter(v, s.config.Clock())
	if err != nil {
		s.refuseBody(w, v, err)
		return
	}
	effect, ok := s.faults.take(v)
	if !ok || effect.run == nil {
		v.deliver(w, delivery{answer: v.process()})
		return
	}
	v.deliver(w, effect.run(v))
}

// refuseBody answers a body that is too long. Any other error means that the
// client broke off.
func (s *Server) refuseBody(w http.ResponseWriter, v *visit, err error) {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		v.deliver(w, delivery{answer: pageAnswer(http.StatusRequestEntityTooLarge, "Request Entity Too Large"), foreign: true})
		return
	}
	v.deliver(w, dropped())
}
