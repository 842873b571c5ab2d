//go:build unix

package processmakertest

import (
	"net"
	"syscall"
)

// pendingError asks the kernel whether the connection was reset, for the case
// that reading would report an orderly end that came before the reset.
func pendingError(conn net.Conn) bool {
	return askSocket(conn, func(fd int) bool {
		code, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
		return err == nil && code != 0
	})
}

// endPending asks the kernel whether the client has ended the connection, for
// the case that the goroutine that reads has not come around to it.
func endPending(conn net.Conn) bool {
	return askSocket(conn, func(fd int) bool {
		n, _, err := syscall.Recvfrom(fd, make([]byte, 1), syscall.MSG_PEEK)
		return err == nil && n == 0
	})
}

func askSocket(conn net.Conn, question func(fd int) bool) bool {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	answer := false
	err = control.Control(func(fd uintptr) { answer = question(int(fd)) })
	return err == nil && answer
}
