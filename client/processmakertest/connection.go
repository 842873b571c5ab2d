package processmakertest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// connection is a client's connection that remembers whose answer went out on
// it last. What the client does next tells whether it read that answer: the
// kernel resets the connection of a process that dies with data unread, and
// closes it in good order otherwise. It wraps the TCP connection, below TLS,
// as resets are not visible above.
type connection struct {
	net.Conn
	secure bool
	forget func()

	mu       sync.Mutex
	answered *record // nil once it is known whether the answer was read
	sent     bool    // the answer is with the kernel as a whole
	over     bool    // the client has ended the connection
}

const (
	// lastWordPatience is how long a client that said good-bye by TLS may take
	// to close its socket.
	lastWordPatience = time.Second
	// refusalPatience is how long the kernel of a busy machine may take to
	// bring the refusal of an answer that met a closed socket.
	refusalPatience = 5 * time.Millisecond
)

// answering notes whose answer is about to be sent.
func (c *connection) answering(rec *record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered, c.sent = rec, false
}

// requestRead is called when a request is there as a whole: nobody sends one
// before the last answer was read.
func (c *connection) requestRead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered, c.sent = nil, false
}

// answerSent is called when the answer was handed over, or failed to be. A
// client that had closed its socket before makes its kernel refuse the answer.
func (c *connection) answerSent(err error) {
	refused := err != nil || pendingError(c.Conn)
	c.mu.Lock()
	c.sent = true
	over := c.over
	if refused {
		c.settle(false)
	}
	c.mu.Unlock()
	if over {
		c.judgeEnd()
	}
}

// judgeEnd decides about the last answer once the client has ended the
// connection in good order: it may have done so before the answer came.
func (c *connection) judgeEnd() {
	refused := pendingError(c.Conn)
	if !refused {
		time.Sleep(refusalPatience)
		refused = pendingError(c.Conn)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(!refused)
}

// settle ends the question whether the last answer was read. It is called with
// the lock held.
func (c *connection) settle(read bool) {
	if c.answered != nil && !read {
		c.answered.read.Store(false)
	}
	c.answered = nil
}

// ended says whether the client has closed the connection or lost it.
func (c *connection) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over || endPending(c.Conn)
}

func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	switch {
	case n > 0 && !c.secure:
		c.mu.Lock()
		c.settle(true)
		c.mu.Unlock()
	case n > 0:
		// With TLS these bytes may be no more than the farewell of a client
		// that gives up; there only a whole request counts.
	case err == nil || errors.Is(err, os.ErrDeadlineExceeded):
		// The HTTP server interrupts its own reads by a deadline.
	default:
		c.end(err)
	}
	return n, err
}

// end notes that nothing more will come, and why.
func (c *connection) end(why error) {
	c.mu.Lock()
	c.over = true
	if errors.Is(why, syscall.ECONNRESET) || errors.Is(why, syscall.EPIPE) {
		c.settle(false)
	}
	open := c.sent && c.answered != nil
	c.mu.Unlock()
	if open {
		c.judgeEnd()
	}
}

// Write keeps back the server's farewell by TLS, the only thing that it writes
// between answers: it answers a client's farewell, and arriving unread it would
// make the client's kernel reset a connection that ends in good order.
func (c *connection) Write(p []byte) (int, error) {
	c.mu.Lock()
	farewell := c.undecided()
	c.mu.Unlock()
	if farewell {
		return len(p), nil
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.mu.Lock()
		c.settle(false)
		c.mu.Unlock()
	}
	return n, err
}

// Close waits for the end that a client's farewell announces, as only the end
// shows whether the client had read everything.
func (c *connection) Close() error {
	c.mu.Lock()
	undecided := c.undecided() && !c.over
	c.mu.Unlock()
	if undecided && c.SetReadDeadline(time.Now().Add(lastWordPatience)) == nil {
		var err error
		for rest := make([]byte, 512); err == nil; {
			_, err = c.Read(rest)
		}
	}
	return c.abort()
}

// undecided says whether an answer is out that nobody is known to have read,
// with TLS, where the last bytes of a client tell nothing. It is called with
// the lock held.
func (c *connection) undecided() bool { return c.secure && c.sent && c.answered != nil }

// abort closes the connection without waiting for anything.
func (c *connection) abort() error {
	c.forget()
	return c.Conn.Close()
}

type connectionKey struct{}

// withConnection lets requests find their connection.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, conn)
}

func connectionOf(r *http.Request) *connection {
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
		return c
	}
	// A request that some other server passed on has no connection to watch.
	return &connection{forget: func() {}}
}
