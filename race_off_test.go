//go:build !race

package main

// massExpiry is how many leases end together.
const massExpiry = 10_000
