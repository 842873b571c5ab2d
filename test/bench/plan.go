//go:build unix

package main

import "time"

// plan says how much of everything a run measures.
type plan struct {
	rounds int
	// roundsPerServer is after how many rounds servers and plugins are started
	// anew.
	roundsPerServer int

	storages []string
	widths   []int
	// reads are those of one contestant in one round, by connections.
	// Short turns: what disturbs the machine for a while then disturbs both of a
	// pair.
	reads       func(width int) int
	staticReads func(width int) int
	// chunks and chunk are how renewals and revocations are measured.
	chunks, chunk int
	// limited are the leases to be had under the limit, limitRuns how often.
	limited, limitRuns int
	// limitWindow is how long password logins under the limit are counted.
	limitWindow time.Duration
	storm       int
	// stormLead is the time between the last read and the end of the leases.
	stormLead time.Duration
	// leases are the numbers of live leases that memory is measured with,
	// reloads how often with each.
	leases  []int
	reloads int
	// roles and mounts are how many of each are measured, scaleCalls how often their calls are
	// timed, idle how long nobody asks for anything.
	roles, mounts, scaleCalls int
	idle                      time.Duration
	// overheadReads are those of a round against a server that takes its time.
	overheadRounds, overheadReads int
	fairWindow                    time.Duration
	// slowTime is how long the slow thing takes, slowCalls how often each operation is timed.
	slowTime  time.Duration
	slowCalls int
	starts    int
}

var fullPlan = plan{
	rounds: 31, roundsPerServer: 8, storages: []string{inMemory, raft},
	widths: []int{1, 16, widest},
	reads: func(width int) int {
		if width == 1 {
			return 60
		}
		return 200
	},
	staticReads: func(width int) int {
		if width == 1 {
			return 200
		}
		return 600
	},
	chunks: 15, chunk: 60,
	limited: 1000, limitRuns: 3, limitWindow: time.Minute,
	storm: 10_000, stormLead: 5 * time.Second,
	leases: []int{0, 10_000, 100_000}, reloads: 5,
	roles: 10_000, mounts: 100, scaleCalls: 21, idle: time.Minute,
	overheadRounds: 15, overheadReads: 9,
	fairWindow: 2 * time.Minute,
	slowTime:   14 * time.Second, slowCalls: 3,
	starts: 5,
}

var quickPlan = plan{
	rounds: 2, roundsPerServer: 1,
	storages:    []string{inMemory, raft},
	widths:      []int{2},
	reads:       func(int) int { return 8 },
	staticReads: func(int) int { return 8 },
	chunks:      2, chunk: 5,
	limited: 20, limitRuns: 1, limitWindow: 0,
	storm: 20, stormLead: 10 * time.Second,
	leases: []int{0, 20}, reloads: 1,
	roles: 3, mounts: 2, scaleCalls: 1, idle: 10 * time.Millisecond,
	overheadRounds: 1, overheadReads: 2,
	fairWindow: 100 * time.Millisecond,
	slowTime:   200 * time.Millisecond, slowCalls: 1,
	starts: 1,
}
