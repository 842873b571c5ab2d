//go:build !race

package mounttest

// MassExpiry is how many leases end together.
const MassExpiry = 10_000

// OneIn is which share of the large tables is run.
const OneIn = 1

const RaceDetector = false
