//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The lines of a page between which the figures stand.
const (
	figuresBegin = "<!-- figures: written by make bench -->"
	figuresEnd   = "<!-- end of the figures -->"
)

// publish puts what a reader decides by into a page, and the plots and all
// figures into a folder beside it. Plots of parts that were not measured stay as
// they are.
func (f *figures) publish(page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	var tables, all bytes.Buffer
	f.printPage(&tables)
	text, err = replaceFigures(text, tables.Bytes())
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	folder := strings.TrimSuffix(page, filepath.Ext(page))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	fmt.Fprintf(&all, "# All figures of the measurements\n\nWritten by `make bench`. The [page](../%s) explains them.\n\n", filepath.Base(page))
	f.print(&all)
	if err := os.WriteFile(filepath.Join(folder, "figures.md"), all.Bytes(), 0o644); err != nil {
		return err
	}
	for name, c := range f.charts() {
		if err := os.WriteFile(filepath.Join(folder, name+".svg"), []byte(c.svg()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(page, text, 0o644)
}

func replaceFigures(page, tables []byte) ([]byte, error) {
	before, rest, found := bytes.Cut(page, []byte(figuresBegin))
	_, after, ended := bytes.Cut(rest, []byte(figuresEnd))
	if !found || !ended {
		return nil, errors.New("the page has no place for figures")
	}
	return slices.Concat(before, []byte(figuresBegin+"\n\n"), tables, []byte("\n"+figuresEnd), after), nil
}

// charts are the plots of what was measured, by the names of their files.
func (f *figures) charts() map[string]chart {
	charts := map[string]chart{}
	for _, storage := range []string{inMemory, raft} {
		if c := f.latencyChart(storage); len(c.steps) > 0 {
			charts["latency-"+storage] = c
		}
	}
	if len(f.memory) > 1 {
		charts["memory"] = f.memoryChart()
	}
	if f.limit != nil && f.limit.window > 0 {
		charts["limit"] = f.limitChart()
	}
	return charts
}

func (f *figures) latencyChart(storage string) chart {
	c := chart{
		title: "Median latency of a read through Vault, " + storage + " storage",
		xName: "connections", yName: "milliseconds", logarithmic: true,
	}
	byName := map[string]*line{}
	for _, name := range contestOrder {
		byName[name] = &line{name: name, dashed: name != ourPassword && name != ourPersonal && name != ourStatic}
	}
	for _, contest := range f.contests {
		if contest.storage != storage {
			continue
		}
		c.steps = append(c.steps, fmt.Sprint(contest.width))
		for _, row := range contest.rows {
			byName[row.name].values = append(byName[row.name].values, row.p50.Seconds()*1000)
		}
	}
	for _, name := range contestOrder {
		c.lines = append(c.lines, *byName[name])
	}
	return c
}

func (f *figures) memoryChart() chart {
	c := chart{title: "Resident memory of the plugin process", xName: "live leases", yName: "MiB"}
	made, reloaded := line{name: "of the process that made the leases", dashed: true}, line{name: "after a reload"}
	for _, m := range f.memory {
		c.steps = append(c.steps, number(float64(m.leases)))
		made.values = append(made.values, m.before)
		reloaded.values = append(reloaded.values, estimateOf(m.after).Median)
		reloaded.low = append(reloaded.low, slices.Min(m.after))
		reloaded.high = append(reloaded.high, slices.Max(m.after))
	}
	c.lines = []line{reloaded, made}
	return c
}

func (f *figures) limitChart() chart {
	l := f.limit
	return chart{
		title: fmt.Sprintf("Credentials a minute under %d token calls a minute", perMinute),
		xName: "measured here; the PATs' ceiling is that of this machine", yName: "a minute",
		steps: []string{"password logins", "PATs", "static-creds reads"}, bars: true, logarithmic: true,
		lines: []line{{values: []float64{
			float64(l.logins) / l.window.Minutes(),
			float64(l.leases) / estimateOf(l.seconds).Median * 60,
			l.static * 60,
		}}},
	}
}
