//go:build !unix

package processmakertest

import "net"

// pendingError knows nothing where sockets cannot be asked.
func pendingError(net.Conn) bool { return false }

// endPending knows nothing where sockets cannot be asked.
func endPending(net.Conn) bool { return false }
