// Command vault is the Vault server that the demo, the acceptance tests and
// the benchmarks run. It is HashiCorp's own server, built from the Go module
// proxy, because a Vault binary cannot be downloaded everywhere Go modules can.
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:]))
}
