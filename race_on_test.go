//go:build race

package main

// massExpiry is how many leases end together. The race detector makes each of
// them some ten times as dear.
const massExpiry = 2_000
