// Package freeport finds ports for programs that tests and scripts start.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports that Choose chooses from. Systems give away higher ones by
// themselves, to connections too: from 32768 on Linux, from 49152 on macOS. A
// server that was told one of those might find it in use when it starts, or when
// it starts again.
const (
	first = 10_000
	last  = 32_000
)

// Choose returns a port of the loopback address that nobody uses now.
func Choose() (int, error) {
	var err error
	for range 100 {
		port := first + rand.IntN(last-first+1)
		var listener net.Listener
		if listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no free port from %d to %d, at the last: %w", first, last, err)
}
