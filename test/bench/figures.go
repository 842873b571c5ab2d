//go:build unix

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// figures are what a run has found.
type figures struct {
	setting  setting
	contests []contestFigures
	rates    []rateFigures
	limit    *limitFigures
	storm    *stormFigures
	memory   []memoryFigures
	overhead []overheadFigures
	scale    *scaleFigures
	fair     *fairFigures
	slow     []slowFigures
	starts   []startFigures
	handlers []string
}

// contestFigures are those of one storage and number of connections.
type contestFigures struct {
	storage string
	width   int
	rounds  int
	rows    []contestRow
	ratios  []ratio
}

// contestRow is one contestant's. CPU is in seconds for 10,000 calls,
// handshakes are for 1,000.
type contestRow struct {
	name       string
	calls      int
	rate       estimate
	p50, p99   time.Duration
	cpu        float64
	handshakes float64
	failed     int
}

// contestOrder is the order of the rows.
var contestOrder = []string{ourPassword, ourPersonal, referenceRead, leasedRead, barePost, ourStatic, plainRead}

// The bounds that a run has to keep.
const (
	leastLeased  = 0.92
	leastStatic  = 0.93
	mostCPU      = 1.2
	mostMemory   = 1.1
	mostLimited  = 15.0 // seconds for 1,000 leases under the limit
	mostCalls    = 2    // token calls for them
	revokeLane   = 8    // revocations at a time
	boundedWidth = 16   // the most connections for which leastLeased holds
	mostOverhead = 5.0  // milliseconds more than the bare call
	mostRole     = 4.0  // KiB for a role
	mostMount    = 100.0
	mostIdle     = 0.6 // seconds of processor time in a minute without a request: a hundredth
	mostSlowed   = time.Second
	mostWait     = 21 * time.Second // for a turn at the limit, the login included
)

func newContestFigures(storage string, width, rounds int, showings map[string]*showing) contestFigures {
	f := contestFigures{storage: storage, width: width, rounds: rounds}
	for _, name := range contestOrder {
		s := showings[name]
		latencies := sortedLatencies(s.passes)
		f.rows = append(f.rows, contestRow{
			name: name, calls: s.calls(), rate: estimateOf(s.rates),
			p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99),
			cpu:        quotient(sum(s.cpu), float64(s.calls())) * 10_000,
			handshakes: quotient(float64(s.handshakes), float64(s.calls())) * 1000,
			failed:     s.failed,
		})
	}
	leased := leastLeased
	if width > boundedWidth {
		leased = 0
	}
	compare := func(a, b string, bound float64) {
		f.ratios = append(f.ratios, ratio{name: a + " / " + b, value: rateRatio(showings[a], showings[b]), bound: bound})
	}
	compare(ourPassword, referenceRead, leased)
	compare(ourPersonal, referenceRead, leased)
	compare(ourPassword, leasedRead, 0)
	compare(ourPersonal, leasedRead, 0)
	compare(ourPassword, barePost, 0)
	compare(ourStatic, plainRead, leastStatic)
	for _, name := range []string{ourPassword, ourPersonal} {
		f.ratios = append(f.ratios, ratio{
			name: "CPU of the plugin, " + name + " / " + referenceRead, bound: mostCPU, atMost: true,
			value: ratioOfSums(showings[name].cpu, showings[referenceRead].cpu),
		})
	}
	f.ratios = append(f.ratios, ratio{
		name:  "CPU of the plugin, " + ourStatic + " / " + plainRead,
		value: ratioOfSums(showings[ourStatic].cpu, showings[plainRead].cpu),
	})
	return f
}

type rateFigures struct {
	storage, name string
	rate          estimate
}

func (f *figures) addRate(storage, name string, rates []float64) {
	f.rates = append(f.rates, rateFigures{storage, name, estimateOf(rates)})
}

type limitFigures struct {
	leases                int
	seconds               []float64
	tokenCalls, throttled int
	window                time.Duration
	logins                int64
	static                float64
}

type stormFigures struct {
	leases      int
	revoked     int64
	mostAtOnce  int64
	took        time.Duration
	irrevocable string
	gone        bool
}

// memoryFigures are MiB of the plugin process, before and after reloads.
type memoryFigures struct {
	leases int
	before float64
	after  []float64
}

func (f *figures) memoryRatio() (ratio, bool) {
	if len(f.memory) < 2 {
		return ratio{}, false
	}
	none, most := f.memory[0], f.memory[len(f.memory)-1]
	base := estimateOf(none.after).Median
	relative := make([]float64, len(most.after))
	for i, mib := range most.after {
		relative[i] = quotient(mib, base)
	}
	return ratio{
		name:  fmt.Sprintf("resident memory after a reload, %d leases / none", most.leases),
		value: estimateOf(relative), bound: mostMemory, atMost: true,
	}, true
}

// startFigures are seconds: from the start of the server, and from the moment
// that it was unsealed and active.
type startFigures struct {
	name         string
	total, first []float64
}

// addHandlers takes the results out of what `go test -bench` printed.
func (f *figures) addHandlers(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "Benchmark") && strings.Contains(line, "ns/op") {
			f.handlers = append(f.handlers, strings.TrimSpace(line))
		}
	}
	return nil
}

// missed names the bounds that are not held.
func (f *figures) missed() []string {
	var names []string
	for _, contest := range f.contests {
		for _, ratio := range contest.ratios {
			if !ratio.held() {
				names = append(names, fmt.Sprintf("%s, %d connections: %s", contest.storage, contest.width, ratio.name))
			}
		}
	}
	if memory, measured := f.memoryRatio(); measured && !memory.held() {
		names = append(names, memory.name)
	}
	names = append(names, f.missedBeside()...)
	if f.limit != nil && (slices.Max(f.limit.seconds) >= mostLimited || f.limit.tokenCalls > mostCalls || f.limit.throttled > 0) {
		names = append(names, "leases under the limit")
	}
	if f.storm != nil && (f.storm.mostAtOnce > revokeLane || f.storm.irrevocable != "0" || !f.storm.gone) {
		names = append(names, "leases that expire together")
	}
	return names
}
