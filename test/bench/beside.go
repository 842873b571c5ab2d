//go:build unix

package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// missedBeside names the bounds that are not held of overhead, many roles and
// mounts, fairness, and slow endpoints.
func (f *figures) missedBeside() (names []string) {
	for _, o := range f.overhead {
		if o.own() > mostOverhead {
			names = append(names, fmt.Sprintf("%s, %s: overhead", o.storage, o.name))
		}
	}
	if s := f.scale; s != nil {
		for name, missed := range map[string]bool{
			"memory of a role":  s.perRole.Median > mostRole,
			"memory of a mount": s.perMount.Median-s.perReference.Median > mostMount,
			"an idle minute":    max(s.idle, s.idleRoles, s.idleMount) > mostIdle,
		} {
			if missed {
				names = append(names, name)
			}
		}
		slices.Sort(names)
	}
	if p := f.fair; p != nil && (p.got[1]*3 < p.got[0] || p.longest > mostWait || p.throttled > 0) {
		names = append(names, "fairness")
	}
	for _, s := range f.slow {
		for i, took := range s.took {
			if took > mostSlowed && !needsSlow(s.what, i) {
				names = append(names, fmt.Sprintf("%s while %s takes long", slowOperations[i], s.what))
			}
		}
	}
	return names
}

// needsSlow tells whether an operation is the slow thing itself.
func needsSlow(what string, operation int) bool {
	switch slowOperations[operation] {
	case "read of a PAT":
		return what == slowThings[2].name
	case "login":
		return what == slowThings[3].name
	}
	return false
}

func (f *figures) printOverhead(w io.Writer) {
	var rows [][]string
	for _, o := range f.overhead {
		rows = append(rows, []string{
			o.storage, o.name, o.server.String(), fmt.Sprintf("%.1f", o.bare.Median),
			fmt.Sprintf("%.2f", o.more.Median), fmt.Sprintf("%.2f to %.2f", o.more.Low, o.more.High),
			fmt.Sprintf("%.2f", o.leased.Median), heldAtMost(o.own(), mostOverhead),
		})
	}
	table(w, "Overhead of a read over the bare call", []string{"storage", "what", "server", "bare call, ms", "more, ms", "95 % interval", "do-nothing leased engine, ms", fmt.Sprintf("bound ≤ %.0f ms, held", mostOverhead)}, rows)
}

func heldAtMost(value, bound float64) string {
	if value <= bound {
		return "yes"
	}
	return "**no**"
}

func (f *figures) printSlow(w io.Writer) {
	if len(f.slow) == 0 {
		return
	}
	head := append([]string{"what takes long"}, slowOperations...)
	var rows [][]string
	for _, s := range f.slow {
		row := []string{s.what}
		for _, took := range s.took {
			row = append(row, brief(took))
		}
		rows = append(rows, row)
	}
	table(w, fmt.Sprintf("Slow endpoints: the longest of %d, while %d readers wait for the slow one", f.slow[0].calls, slowReaders), head, rows)
}

func brief(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func (f *figures) printFairness(w io.Writer) {
	p := f.fair
	if p == nil {
		return
	}
	table(w, fmt.Sprintf("Two roles under %d token calls a minute, for %s", perMinute, p.window), []string{"role", "tries", "got a token"}, [][]string{
		{"asks 50 times a second", fmt.Sprint(p.tried[0]), fmt.Sprint(p.got[0])},
		{"asks once a second", fmt.Sprint(p.tried[1]), fmt.Sprintf("%d; the longest wait for an answer was %s; ProcessMaker refused %d calls of both", p.got[1], brief(p.longest), p.throttled)},
	})
}

func (f *figures) printScale(w io.Writer) {
	s := f.scale
	if s == nil {
		return
	}
	table(w, fmt.Sprintf("%d roles, and %d mounts in one process", s.roles, s.mounts), []string{"what", "figure"}, [][]string{
		{"memory of a role that was read", fmt.Sprintf("%.1f KiB (%.1f to %.1f); bound %.0f", s.perRole.Median, s.perRole.Low, s.perRole.High, mostRole)},
		{"memory of a mount with a config and a role that was read", fmt.Sprintf("%.0f KiB (%.0f to %.0f); bound %.0f more than one of the reference engine", s.perMount.Median, s.perMount.Low, s.perMount.High, mostMount)},
		{"memory of a mount of the reference engine that was read", fmt.Sprintf("%.0f KiB (%.0f to %.0f)", s.perReference.Median, s.perReference.Low, s.perReference.High)},
		{"with all roles: LIST roles/, status, a write of config", fmt.Sprintf("%.1f ms, %.1f ms, %.1f ms", s.list, s.status, s.config)},
		{"processor time of a minute without a request: one mount, all roles, all mounts", fmt.Sprintf("%.2f s, %.2f s, %.2f s; bound %.1f", s.idle, s.idleRoles, s.idleMount, mostIdle)},
	})
}
