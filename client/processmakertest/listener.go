package processmakertest

import (
	"net"
	"sync"
)

// listener wraps what it accepts and knows what is open.
type listener struct {
	net.Listener
	secure bool
	mu     sync.Mutex
	open   map[*connection]struct{}
	shut   bool
}

func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, secure: l.secure}
	c.forget = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, c)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut {
		// It was accepted while the listener was being closed.
		conn.Close()
	}
	l.open[c] = struct{}{}
	return c, nil
}

// Close also cuts what is open, which the HTTP server does not do for
// connections that it has not seen yet.
func (l *listener) Close() error {
	l.mu.Lock()
	l.shut = true
	l.mu.Unlock()
	err := l.Listener.Close()
	l.closeAll()
	return err
}

// closeAll cuts every connection and keeps listening.
func (l *listener) closeAll() {
	l.mu.Lock()
	var open []*connection
	for c := range l.open {
		open = append(open, c)
	}
	l.mu.Unlock()
	for _, c := range open {
		c.abort()
	}
}
