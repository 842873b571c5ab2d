//go:build unix

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// print writes all figures as Markdown.
func (f *figures) print(w io.Writer) {
	f.printSetting(w)
	f.printRatios(w, func(contestFigures) bool { return true })
	f.printContests(w)
	f.printDecisive(w)
	f.printRates(w)
	f.printMemory(w)
	f.printStarts(w)
	f.printHandlers(w)
}

// printPage writes what a reader decides by.
func (f *figures) printPage(w io.Writer) {
	f.printSetting(w)
	f.printRatios(w, func(c contestFigures) bool { return c.width == boundedWidth })
	f.printDecisive(w)
}

func (f *figures) printSetting(w io.Writer) {
	fmt.Fprintf(w, "Run of %s: %s.\n", f.setting.begin.UTC().Format(time.DateOnly), f.setting.String())
	missed := "All bounds are held."
	if names := f.missed(); len(names) > 0 {
		missed = fmt.Sprintf("Bounds that are not held: %s.", strings.Join(names, "; "))
	}
	fmt.Fprintf(w, "%s\n", missed)
}

func (f *figures) printDecisive(w io.Writer) {
	f.printOverhead(w)
	f.printSlow(w)
	f.printFairness(w)
	f.printLimit(w)
	f.printStorm(w)
	f.printScale(w)
}

// table writes a Markdown table, after a blank line.
func table(w io.Writer, title string, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n### %s\n\n", title)
	fmt.Fprintf(w, "| %s |\n", strings.Join(head, " | "))
	fmt.Fprintf(w, "|%s\n", strings.Repeat("---|", len(head)))
	for _, row := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
}

func (f *figures) printRatios(w io.Writer, wanted func(contestFigures) bool) {
	var rows [][]string
	row := func(where string, r ratio) {
		held := ""
		if r.bound != 0 {
			held = "yes"
		}
		if !r.held() {
			held = "**no**"
		}
		rows = append(rows, []string{
			where, r.name, fmt.Sprintf("%.3f", r.value.Median), fmt.Sprintf("%.3f to %.3f", r.value.Low, r.value.High), r.boundText(), held,
		})
	}
	for _, contest := range f.contests {
		if !wanted(contest) {
			continue
		}
		for _, r := range contest.ratios {
			row(fmt.Sprintf("%s, %d", contest.storage, contest.width), r)
		}
	}
	if memory, measured := f.memoryRatio(); measured {
		row("in-memory", memory)
	}
	table(w, "Ratios", []string{"storage, connections", "throughput of, against (or what else)", "median", "95 % interval", "bound", "held"}, rows)
}

func (f *figures) printContests(w io.Writer) {
	var rows [][]string
	for _, contest := range f.contests {
		for _, r := range contest.rows {
			cpu := ""
			if r.cpu > 0 {
				cpu = fmt.Sprintf("%.2f", r.cpu)
			}
			rows = append(rows, []string{
				contest.storage, fmt.Sprint(contest.width), r.name,
				fmt.Sprintf("%.0f", r.rate.Median), fmt.Sprintf("%.0f to %.0f", r.rate.Low, r.rate.High),
				milliseconds(r.p50), milliseconds(r.p99), cpu, fmt.Sprintf("%.1f", r.handshakes), fmt.Sprint(r.calls), fmt.Sprint(r.failed),
			})
		}
	}
	table(w, "Reads", []string{
		"storage", "connections", "what", "per second", "95 % interval", "median latency, ms", "99 %, ms",
		"plugin CPU s per 10,000", "TLS handshakes per 1,000", "reads", "turns repeated",
	}, rows)
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1000) }

func (f *figures) printRates(w io.Writer) {
	var rows [][]string
	for _, r := range f.rates {
		rows = append(rows, []string{
			r.storage, r.name, fmt.Sprintf("%.0f", r.rate.Median), fmt.Sprintf("%.0f to %.0f", r.rate.Low, r.rate.High), fmt.Sprint(r.rate.Of),
		})
	}
	table(w, "Renewals and revocations, 16 connections", []string{"storage", "what", "per second", "95 % interval", "chunks"}, rows)
}

func (f *figures) printLimit(w io.Writer) {
	l := f.limit
	if l == nil {
		return
	}
	seconds := estimateOf(l.seconds)
	table(w, fmt.Sprintf("Under the limit of %d token calls a minute", perMinute), []string{"what", "figure"}, [][]string{
		{
			fmt.Sprintf("%d PAT leases, 16 connections", l.leases),
			fmt.Sprintf("%.2f s (%.2f to %.2f in %d runs); at most %d token calls, %d refused; bound %.0f s",
				seconds.Median, slices.Min(l.seconds), slices.Max(l.seconds), len(l.seconds), l.tokenCalls, l.throttled, mostLimited),
		},
		{fmt.Sprintf("password logins in %s, 8 readers", l.window), fmt.Sprint(l.logins)},
		{"reads of static-creds, 16 connections", fmt.Sprintf("%.0f a second", l.static)},
	})
}

func (f *figures) printStorm(w io.Writer) {
	s := f.storm
	if s == nil {
		return
	}
	leases := "all gone"
	if !s.gone {
		leases = "**some left**"
	}
	table(w, fmt.Sprintf("%d leases that expire in the same second", s.leases), []string{"what", "figure"}, [][]string{
		{"revoked at ProcessMaker", fmt.Sprint(s.revoked)},
		{"from the end of the leases to the last revocation", fmt.Sprintf("%.1f s, %.0f a second", s.took.Seconds(), quotient(float64(s.leases), s.took.Seconds()))},
		{"revocations at a time, at most", fmt.Sprintf("%d of the lane's %d", s.mostAtOnce, revokeLane)},
		{"leases afterwards", leases + ", irrevocable " + s.irrevocable},
	})
}

func (f *figures) printMemory(w io.Writer) {
	var rows [][]string
	for _, m := range f.memory {
		after := estimateOf(m.after)
		rows = append(rows, []string{
			fmt.Sprint(m.leases), fmt.Sprintf("%.1f", m.before), fmt.Sprintf("%.1f", after.Median),
			fmt.Sprintf("%.1f to %.1f", slices.Min(m.after), slices.Max(m.after)), fmt.Sprint(len(m.after)),
		})
	}
	table(w, "Memory of the plugin process", []string{"live leases", "resident MiB of the process that made them", "after a reload, median", "least to most", "reloads"}, rows)
}

func (f *figures) printStarts(w io.Writer) {
	var rows [][]string
	for _, s := range f.starts {
		total, first := estimateOf(s.total), estimateOf(s.first)
		rows = append(rows, []string{
			s.name, fmt.Sprintf("%.2f s", total.Median), fmt.Sprintf("%.2f to %.2f", slices.Min(s.total), slices.Max(s.total)),
			fmt.Sprintf("%.3f s", first.Median), fmt.Sprintf("%.3f to %.3f", slices.Min(s.first), slices.Max(s.first)), fmt.Sprint(len(s.total)),
		})
	}
	table(w, "Server start to first credential, raft", []string{"what", "from the start", "least to most", "from unsealed and active", "least to most", "starts"}, rows)
}

func (f *figures) printHandlers(w io.Writer) {
	var rows [][]string
	for _, line := range f.handlers {
		fields := strings.Fields(line)
		row := []string{strings.TrimPrefix(fields[0], "Benchmark"), "", "", "", ""}
		for i := 2; i+1 < len(fields); i += 2 {
			if at := slices.Index([]string{"ns/op", "B/op", "allocs/op", "heap-KiB"}, fields[i+1]); at >= 0 {
				row[at+1] = fields[i]
			}
		}
		rows = append(rows, row)
	}
	table(w, "Handlers in process", []string{"benchmark", "ns", "bytes", "allocations", "live heap after GC, KiB"}, rows)
}
