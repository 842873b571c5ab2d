//go:build unix

package main

import "fmt"

// ratio is a comparison, and how it has to come out.
type ratio struct {
	name  string
	value estimate
	// bound is 0 where the ratio is only published; atMost says on which side
	// of it the ratio has to be.
	bound  float64
	atMost bool
}

func (r ratio) held() bool {
	switch {
	case r.bound == 0:
		return true
	case r.atMost:
		return r.value.Median <= r.bound
	default:
		return r.value.Median >= r.bound
	}
}

func (r ratio) boundText() string {
	switch {
	case r.bound == 0:
		return ""
	case r.atMost:
		return fmt.Sprintf("≤ %.2f", r.bound)
	default:
		return fmt.Sprintf("≥ %.2f", r.bound)
	}
}

func (r ratio) String() string {
	text := fmt.Sprintf("%s %.3f [%.3f, %.3f]", r.name, r.value.Median, r.value.Low, r.value.High)
	if r.bound != 0 {
		text += ", bound " + r.boundText()
	}
	if !r.held() {
		text += ", NOT HELD"
	}
	return text
}
