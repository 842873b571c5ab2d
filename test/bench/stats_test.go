//go:build unix

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestMedianRanksAreThoseOfTheTables(t *testing.T) {
	t.Parallel()
	// Ranks from published tables of the sign test, counted from 0 here.
	for n, rank := range map[int]int{1: 0, 2: 0, 5: 0, 6: 0, 8: 0, 9: 1, 12: 2, 15: 3, 17: 4, 20: 5, 21: 5, 25: 7} {
		assert.Equal(t, rank, medianRank(n), "of %d", n)
	}
}

func TestEstimates(t *testing.T) {
	t.Parallel()
	assert.Equal(t, estimate{}, estimateOf(nil))
	assert.Equal(t, estimate{Median: 2, Low: 2, High: 2, Of: 1}, estimateOf([]float64{2}))
	values := []float64{9, 1, 8, 2, 7, 3, 6, 4, 5}
	assert.Equal(t, estimate{Median: 5, Low: 2, High: 8, Of: 9}, estimateOf(values))
	assert.Equal(t, 9.0, values[0], "the caller's order is kept")
	assert.Equal(t, 2.5, median([]float64{1, 2, 3, 4}))

	same := ratioOfSums([]float64{2, 4, 6}, []float64{1, 2, 3})
	assert.Equal(t, estimate{Median: 2, Low: 2, High: 2, Of: 3}, same)
	spread := ratioOfSums([]float64{1, 3, 1, 3}, []float64{1, 1, 1, 1})
	assert.Equal(t, 2.0, spread.Median)
	assert.Less(t, spread.Low, 1.6)
	assert.Greater(t, spread.High, 2.4)
	assert.Equal(t, estimate{}, ratioOfSums(nil, nil))
	assert.Zero(t, quotient(1, 0))
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var sorted []time.Duration
	for i := range 100 {
		sorted = append(sorted, time.Duration(i+1))
	}
	assert.Equal(t, time.Duration(51), percentile(sorted, 0.5))
	assert.Equal(t, time.Duration(100), percentile(sorted, 0.99))
	assert.Equal(t, time.Duration(100), percentile(sorted, 1))
	assert.Zero(t, percentile(nil, 0.5))
}
