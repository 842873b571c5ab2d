//go:build unix

// Command engines is what the secrets engine is measured against: a Vault
// plugin with three engines in one, each as bare as it can be.
//
// `reference/<name>` does what no engine that hands out ProcessMaker's tokens
// can leave out: one POST over a pooled HTTPS connection, one storage write,
// and a lease. `leased/<name>` hands out a lease and does nothing else, and
// `plain/<name>` answers without a lease.
package main

import (
	"os"
	"runtime"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/sdk/plugin"
)

// spareHeap is the product's, so that the collector runs as rarely here: what is compared is work.
const spareHeap = 16 << 20

func main() {
	defer runtime.KeepAlive(make([]byte, spareHeap))

	meta := &api.PluginAPIClientMeta{}
	_ = meta.FlagSet().Parse(os.Args[1:])
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: os.Stderr, JSONFormat: true})
	err := plugin.ServeMultiplex(&plugin.ServeOpts{
		BackendFactoryFunc: Factory,
		TLSProviderFunc:    api.VaultPluginTLSProvider(meta.GetTLSConfig()),
		Logger:             logger,
	})
	if err != nil {
		logger.Error("plugin shutting down", "error", err)
		os.Exit(1)
	}
}
