//go:build unix

package processmakertest

import (
	"net"
	"syscall"
)

// keepPort holds an IPv4 address without listening there: dials are refused, and
// the system gives the port to nobody who asks for any.
func keepPort(address string) (letGo func(), err error) {
	parsed, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, err
	}
	fd, err := newSocket()
	if err != nil {
		return nil, err
	}
	if err := bindAgain(fd, parsed); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return func() { _ = syscall.Close(fd) }, nil
}

// newSocket makes a socket that programs started meanwhile do not inherit.
func newSocket() (fd int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0); err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}

// bindAgain binds to an address although connections of a listener that was
// there are not over.
func bindAgain(fd int, address *net.TCPAddr) error {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return err
	}
	socket := &syscall.SockaddrInet4{Port: address.Port}
	copy(socket.Addr[:], address.IP.To4())
	return syscall.Bind(fd, socket)
}
