//go:build race

package mounttest

// MassExpiry is how many leases end together. The race detector makes each of
// them some ten times as expensive.
const MassExpiry = 2_000

// OneIn is which share of the large tables is run: requests here are answered
// one after another, and what the detector looks for is no matter of rows.
const OneIn = 8

// RaceDetector: its own allocations count as those of what is tested.
const RaceDetector = true
