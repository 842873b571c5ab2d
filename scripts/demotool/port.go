package main

import (
	"fmt"
	"io"

	"vault-plugin-secrets-processmaker/test/freeport"
)

func freePort(out io.Writer) error {
	port, err := freeport.Choose()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, port)
	return err
}
