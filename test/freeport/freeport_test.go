package freeport

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A port that the system may give to a connection at any time would be taken
// from a server that is about to start.
func TestPortsAreNotGivenAwayByTheSystem(t *testing.T) {
	t.Parallel()
	chosen := map[int]bool{}
	for range 1000 {
		port, err := Choose()
		require.NoError(t, err)
		require.Greater(t, port, 1023, "for everybody")
		require.Less(t, port, 32768, "where Linux begins")
		chosen[port] = true
	}
	assert.Greater(t, len(chosen), 900, "two who choose at the same time get different ones")
}

func TestThePortIsFree(t *testing.T) {
	t.Parallel()
	port, err := Choose()
	require.NoError(t, err)
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	require.NoError(t, listener.Close())
}
