// Command vault is the oldest Vault server that the acceptance tests run with,
// built as the one in tools/vault is.
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:]))
}
