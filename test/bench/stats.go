//go:build unix

package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// estimate is a median with the bounds of its 95 % interval.
type estimate struct {
	Median, Low, High float64
	Of                int
}

// estimateOf gives the median of the values and its 95 % interval from their
// order alone: between which values of the sorted list the true median lies
// follows from coin tosses (binomial distribution), whatever the values'
// distribution is. With fewer than six values no such interval exists, and the
// extremes stand in.
func estimateOf(values []float64) estimate {
	if len(values) == 0 {
		return estimate{}
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := medianRank(len(sorted))
	return estimate{Median: median(sorted), Low: sorted[rank], High: sorted[len(sorted)-1-rank], Of: len(sorted)}
}

// medianRank is the index, from either end of n sorted values, whose two values
// hold the true median between them with at least 95 % probability.
func medianRank(n int) int {
	rank, outside := 0, 0.0
	for k := range n / 2 {
		outside += binomial(n, k)
		if 2*outside > 0.05 {
			break
		}
		rank = k
	}
	return max(min(rank, (n-1)/2), 0)
}

// binomial is the probability of k heads in n tosses.
func binomial(n, k int) float64 {
	logarithm := func(n int) float64 { value, _ := math.Lgamma(float64(n) + 1); return value }
	return math.Exp(logarithm(n) - logarithm(k) - logarithm(n-k) - float64(n)*math.Ln2)
}

func median(sorted []float64) float64 {
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// ratioOfSums is the sum of a over the sum of b with an interval from 2,000
// bootstrap samples of the pairs. It is for what is counted in steps too coarse
// for a ratio of each pair.
func ratioOfSums(a, b []float64) estimate {
	if len(a) == 0 || len(a) != len(b) {
		return estimate{}
	}
	// The same sample each time: a run's figures follow from what it measured.
	random := rand.New(rand.NewPCG(1, 2))
	ratios := make([]float64, 2000)
	for i := range ratios {
		var above, below float64
		for range a {
			pick := random.IntN(len(a))
			above, below = above+a[pick], below+b[pick]
		}
		ratios[i] = quotient(above, below)
	}
	slices.Sort(ratios)
	return estimate{Median: quotient(sum(a), sum(b)), Low: ratios[50], High: ratios[1949], Of: len(a)}
}

func quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func sum(values []float64) (total float64) {
	for _, value := range values {
		total += value
	}
	return total
}

// percentile is the value that the given share of the sorted list does not pass.
func percentile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}
