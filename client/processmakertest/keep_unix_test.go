//go:build unix

package processmakertest_test

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A port that the system gave to another while the server is away would keep it
// from coming back.
func TestThePortOfAServerThatIsAwayIsKept(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	address := strings.TrimPrefix(s.server.URL(), "http://")
	s.server.GoOffline()
	// As strict as the system is when it chooses a port by itself.
	strict := net.ListenConfig{Control: func(_, _ string, socket syscall.RawConn) error {
		var err error
		controlled := socket.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0)
		})
		if controlled != nil {
			return controlled
		}
		return err
	}}
	_, err := strict.Listen(t.Context(), "tcp", address)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	_, err = net.Dial("tcp", address)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	s.server.Close()
	free, err := strict.Listen(t.Context(), "tcp", address)
	require.NoError(t, err, "it is kept for as long as the server may come back")
	require.NoError(t, free.Close())
}
