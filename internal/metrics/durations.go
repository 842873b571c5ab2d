package metrics

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Bounds are the upper bounds of the buckets in seconds. They tell a personal access token (23 ms on
// a real server) from a login (160 ms), and slow from timed out (15 s unless configured).
func Bounds() []float64 {
	return []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30}
}

// Histogram counts durations by buckets. The last of Cumulative is that without a bound.
type Histogram struct {
	Count      uint64
	Sum        float64 // seconds
	Cumulative []uint64
}

// Durations holds a histogram for each operation and outcome. The zero value is empty.
type Durations struct {
	mu  sync.Mutex
	all map[measured]*Histogram
}

type measured struct{ operation, outcome string }

// Observe counts one duration. Both names come from fixed lists: each pair is kept for good.
func (d *Durations) Observe(operation, outcome string, took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[measured]*Histogram{}
	}
	key := measured{operation, outcome}
	bounds := Bounds()
	h := d.all[key]
	if h == nil {
		h = &Histogram{Cumulative: make([]uint64, len(bounds)+1)}
		d.all[key] = h
	}
	seconds := took.Seconds()
	h.Count++
	h.Sum += seconds
	for i, bound := range bounds {
		if seconds <= bound {
			h.Cumulative[i]++
		}
	}
	h.Cumulative[len(bounds)]++
}

// Samples are copies of the histograms, sorted by operation and outcome.
func (d *Durations) Samples() []Sample {
	d.mu.Lock()
	defer d.mu.Unlock()
	samples := make([]Sample, 0, len(d.all))
	for key, h := range d.all {
		copied := *h
		copied.Cumulative = slices.Clone(h.Cumulative)
		samples = append(samples, Sample{Labels: []Label{{"operation", key.operation}, {"outcome", key.outcome}}, Histogram: &copied})
	}
	slices.SortFunc(samples, func(a, b Sample) int {
		return cmp.Or(cmp.Compare(a.Labels[0].Value, b.Labels[0].Value), cmp.Compare(a.Labels[1].Value, b.Labels[1].Value))
	})
	return samples
}
