// Package acceptance drives the plugin through a real Vault server, running as
// a process of its own, against a ProcessMaker that behaves as the real one
// (client/processmakertest). What is not a test file here is the machinery to
// start, watch and end that server; the benchmark starts its own by parts of it.
//
// `make acceptance` runs it. It sets two variables, without which the tests
// are skipped: ACCEPTANCE_VAULT_BIN, the Vault server to use, and
// ACCEPTANCE_PLUGIN_BIN, the plugin to test.
//
// TestChaos kills processes and breaks exchanges under load, and counts
// afterwards what is alive. It runs in a short version with the others, and at
// length by `make chaos` (CHAOS=long). It prints its seed; CHAOS_SEED sets it.
package acceptance
