//go:build unix

package main

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// widest is the largest number of connections that is measured.
const widest = 128

// pass is one measured piece of load.
type pass struct {
	took      time.Duration
	latencies []time.Duration
}

// perSecond is the pass's throughput.
func (p pass) perSecond() float64 { return float64(len(p.latencies)) / p.took.Seconds() }

// drive makes count calls, width at a time, numbered from 0. The first error
// ends it: load that fails measures nothing.
func drive(width, count int, call func(i int) error) (pass, error) {
	var (
		all     sync.WaitGroup
		next    atomic.Int64
		failed  atomic.Pointer[error]
		results = pass{latencies: make([]time.Duration, count)}
	)
	begin := time.Now()
	for range min(width, count) {
		all.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= count || failed.Load() != nil {
					return
				}
				start := time.Now()
				if err := call(i); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				results.latencies[i] = time.Since(start)
			}
		})
	}
	all.Wait()
	results.took = time.Since(begin)
	if err := failed.Load(); err != nil {
		return pass{}, *err
	}
	return results, nil
}

// sortedLatencies are those of all passes together.
func sortedLatencies(passes []pass) []time.Duration {
	var all []time.Duration
	for _, p := range passes {
		all = append(all, p.latencies...)
	}
	slices.Sort(all)
	return all
}
