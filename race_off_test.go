//go:build !race

package main

// massExpiry is how many leases end together.
const massExpiry = 10_000

// oneIn is which share of the large tables is run.
const oneIn = 1

const raceDetector = false
