// Command vault-plugin-secrets-processmaker is a secrets engine for HashiCorp Vault that hands out
// short-lived access tokens of ProcessMaker Platform.
//
// Vault starts it; it is of no use by itself.
package main

import (
	"io"
	"log"
	"os"
	"runtime"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/sdk/plugin"
)

// spareHeap is reserved and never touched, so it takes no memory. Go collects garbage when the heap
// has doubled; this plugin's is so small (2 MiB, whatever the number of leases) that it would do so
// at least every hundred requests, for a seventh of the processor time. In return that much more
// garbage lies around. A larger percentage (GOGC) would multiply what many roles need.
const spareHeap = 16 << 20

func main() {
	defer runtime.KeepAlive(make([]byte, spareHeap))

	// Go's HTTP client quotes there what a server sends after its answer, which may be a token.
	// Besides, only go-plugin writes there, of its connection to Vault.
	log.SetOutput(io.Discard)

	meta := &api.PluginAPIClientMeta{}
	// Vault passes only flags that this set knows; a person is told below what this program is.
	_ = meta.FlagSet().Parse(os.Args[1:])

	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: os.Stderr, JSONFormat: true})
	err := plugin.ServeMultiplex(&plugin.ServeOpts{
		BackendFactoryFunc: Factory,
		// Only hosts older than Vault 1.12 use it; later ones bring their own mutual TLS.
		TLSProviderFunc: api.VaultPluginTLSProvider(meta.GetTLSConfig()),
		Logger:          logger,
	})
	if err != nil {
		logger.Error("plugin shutting down", "error", err)
		os.Exit(1)
	}
}
