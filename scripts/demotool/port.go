package main

import (
	"fmt"
	"io"
	"net"
)

func freePort(out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	_, err = fmt.Fprintln(out, listener.Addr().(*net.TCPAddr).Port)
	return err
}
