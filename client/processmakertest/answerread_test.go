package processmakertest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// until waits for something that another goroutine brings about. Only the time
// limit of the whole test run ends it otherwise.
func until(condition func() bool) {
	for !condition() {
		runtime.Gosched()
	}
}

// dial opens a bare connection to the server.
func (s *stage) dial() net.Conn {
	s.Helper()
	address := s.server.URL()[strings.Index(s.server.URL(), "//")+2:]
	conn, err := net.Dial("tcp", address)
	require.NoError(s, err)
	if s.server.CACertPEM() != "" {
		roots := x509.NewCertPool()
		require.True(s, roots.AppendCertsFromPEM([]byte(s.server.CACertPEM())))
		conn = tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	}
	s.Cleanup(func() { conn.Close() })
	return conn
}

// writeLogin sends a password grant on a bare connection and reads nothing.
func (s *stage) writeLogin(conn net.Conn) {
	s.Helper()
	body := s.grantBody(s.passwordFields("admin"))
	_, err := fmt.Fprintf(conn, "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(s, err)
}

func readAnswer(t *testing.T, conn net.Conn) {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
}

func (s *stage) lastExchange() processmakertest.Exchange {
	s.Helper()
	all := s.server.Exchanges()
	require.NotEmpty(s, all)
	return all[len(all)-1]
}

func TestAnAnswerThatWasReadIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	got := s.login("admin")

	exchange := s.lastExchange()
	assert.True(t, exchange.Finished)
	assert.True(t, exchange.AnswerRead)
	assert.Equal(t, http.StatusOK, exchange.Status)
	assert.Equal(t, got.jti, exchange.TokenID)
	assert.Empty(t, s.server.UnreadTokens())
}

func TestAnOrderlyEndLeavesTheAnswerRead(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		s := newStage(t, func(c *processmakertest.Config) { c.TLS = secure })
		for range 20 {
			conn := s.dial()
			s.writeLogin(conn)
			readAnswer(t, conn)
			require.NoError(t, conn.Close())
		}
		s.server.Close()
		assert.Empty(t, s.server.UnreadTokens(), "TLS %v", secure)
	}
}

func TestAResetConnectionMeansAnUnreadAnswer(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secure), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, func(c *processmakertest.Config) { c.TLS = secure })
			conn := s.dial()
			s.writeLogin(conn)
			until(func() bool { return s.server.Count() == 1 && s.server.Exchanges()[0].AnswerRead })
			// This is what the kernel does for a process that is killed: it closes
			// the socket, and resets the connection because of the unread answer.
			raw := conn
			if secured, ok := conn.(*tls.Conn); ok {
				raw = secured.NetConn()
			}
			require.NoError(t, raw.Close())

			until(func() bool { return len(s.server.UnreadTokens()) == 1 })
			assert.False(t, s.lastExchange().AnswerRead)
			assert.Len(t, s.server.LiveTokens(), 1)
		})
	}
}

func TestOnlyTheLastAnswerOfAConnectionIsLostByAReset(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	conn := s.dial()
	s.writeLogin(conn)
	readAnswer(t, conn)
	s.writeLogin(conn)
	until(func() bool { return s.server.Count() == 2 && s.server.Exchanges()[1].AnswerRead })
	require.NoError(t, conn.Close())

	until(func() bool { return len(s.server.UnreadTokens()) == 1 })
	exchanges := s.server.Exchanges()
	assert.True(t, exchanges[0].AnswerRead)
	assert.False(t, exchanges[1].AnswerRead)
	assert.Equal(t, exchanges[1].TokenID, s.server.UnreadTokens()[0].ID)
}

func TestAClientThatGoesAwayBeforeTheAnswerHasNotReadIt(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	release := make(chan struct{})
	s.server.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Hold(release)})
	conn := s.dial()
	s.writeLogin(conn)
	until(func() bool { return s.server.Count(processmakertest.PasswordGrant) == 1 })
	require.NoError(t, conn.Close())
	close(release)

	until(func() bool { return s.lastExchange().Finished })
	until(func() bool { return !s.lastExchange().AnswerRead })
	assert.Len(t, s.server.UnreadTokens(), 1, "the work is done although nobody waits for it")
}

func TestACancelledRequestWasNotReadEvenWithTLS(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *processmakertest.Config) { c.TLS = true })
	s.client = s.trustingClient()
	release := make(chan struct{})
	s.server.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.HoldAnswer(release)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		request, err := http.NewRequestWithContext(ctx, "POST", s.server.URL()+"/oauth/token", strings.NewReader(s.grantBody(s.passwordFields("admin"))))
		if err == nil {
			request.Header.Set("Content-Type", "application/json")
			_, err = s.client.Do(request)
		}
		done <- err
	}()
	until(func() bool { return len(s.server.LiveTokens()) == 1 })
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	close(release)

	until(func() bool { return s.lastExchange().Finished })
	until(func() bool { return !s.lastExchange().AnswerRead })
	assert.Len(t, s.server.UnreadTokens(), 1)
}

func TestUnreadTokensAreTheLiveOnesOfSignIns(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin := s.login("admin")
	for _, endpoint := range []processmakertest.Endpoint{processmakertest.PasswordGrant, processmakertest.CreateToken} {
		s.server.Inject(processmakertest.Fault{On: endpoint, Do: processmakertest.LoseAnswer()})
	}
	_, err := s.tryGrant(s.passwordFields("alice"))
	require.Error(t, err)
	_, err = s.try("POST", "/api/1.0/users/1/tokens", `{"name":"lost"}`, "Content-Type", "application/json", "Authorization", "Bearer "+admin.access)
	require.Error(t, err)

	require.Len(t, s.server.LiveTokens(), 3)
	unread := s.server.UnreadTokens()
	require.Len(t, unread, 1, "a personal token can be found by its name")
	assert.Equal(t, int64(2), unread[0].UserID)
	s.server.RevokeTokenByID(unread[0].ID)
	assert.Empty(t, s.server.UnreadTokens())
}
