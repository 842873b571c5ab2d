//go:build race

package main

// massExpiry is how many leases end together. The race detector makes each of
// them some ten times as dear.
const massExpiry = 2_000

// oneIn is which share of the large tables is run: requests here are answered
// one after another, and what the detector looks for is no matter of rows.
const oneIn = 8

// raceDetector: its own allocations count as those of what is tested.
const raceDetector = true
