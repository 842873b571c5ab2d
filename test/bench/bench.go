//go:build unix

package main

import (
	"fmt"
	"io"
	"time"
)

// bench is one run.
type bench struct {
	plan    plan
	tools   tools
	log     io.Writer
	dir     string // for the servers
	figures figures
}

// measure runs every part, or one.
func (b *bench) measure(only string) error {
	begin := time.Now()
	b.figures.setting = newSetting(b.tools.vault)
	known := false
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"contests", b.contests},
		{"overhead", b.overhead},
		{"rates", b.rates},
		{"limit", b.limit},
		{"storm", b.storm},
		{"memory", b.memory},
		{"scale", b.scale},
		{"fairness", b.fairness},
		{"slow", b.slow},
		{"starts", b.starts},
	} {
		if only != "" && only != part.name {
			continue
		}
		known = true
		fmt.Fprintf(b.log, "==> %s (load %s)\n", part.name, loadAverage())
		start := time.Now()
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintf(b.log, "==> %s: %s\n", part.name, time.Since(start).Round(time.Second))
	}
	if !known {
		return fmt.Errorf("there is no part %q", only)
	}
	b.figures.setting.finish(time.Since(begin))
	return nil
}
