//go:build unix

package main

import (
	"errors"
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
		{"rates", b.rates},
		{"limit", b.limit},
		{"storm", b.storm},
		{"memory", b.memory},
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

// stage is a Vault server with the product mounted, and its ProcessMaker.
type stage struct {
	vault    *vault
	upstream *upstream
	caller   *caller
}

// onStage starts both, does the work, and ends both. The product's own limit of
// token calls is perMinute.
func (b *bench) onStage(storage string, perMinute int, double []string, work func(*stage) error) (err error) {
	u, err := startUpstream(b.tools, double...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.stop()) }()
	v, err := startVault(b.tools, b.dir, storage)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w; Vault's log ends:\n%s", err, v.logTail())
		}
		err = errors.Join(err, v.stop())
	}()
	s := &stage{vault: v, upstream: u, caller: newCaller(v)}
	if err := mountOurs(s.caller, v, u, perMinute); err != nil {
		return err
	}
	return work(s)
}

var cannedDouble = []string{"-canned"}

// contests measures reads. Each number of connections has a server of its own,
// so that none inherits the leases of another.
func (b *bench) contests() error {
	for _, storage := range b.plan.storages {
		for _, width := range b.plan.widths {
			if err := b.onStage(storage, 0, cannedDouble, func(s *stage) error { return b.contest(s, width) }); err != nil {
				return fmt.Errorf("%s storage, %d connections: %w", storage, width, err)
			}
		}
	}
	return nil
}

func (b *bench) contest(s *stage, width int) error {
	if err := mountTheirs(s.caller, s.vault, s.upstream); err != nil {
		return err
	}
	leased, err := leasedContestants(s.caller, s.upstream)
	if err != nil {
		return err
	}
	c := contest{vault: s.vault, upstream: s.upstream, rounds: b.plan.rounds, width: width, count: b.plan.reads(width)}
	showings, err := c.run(leased)
	if err != nil {
		return err
	}
	c.count = b.plan.staticReads(width)
	leaseless, err := c.run(leaselessContestants(s.caller))
	if err != nil {
		return err
	}
	for name, showing := range leaseless {
		showings[name] = showing
	}
	f := newContestFigures(s.vault.storage, width, b.plan.rounds, showings)
	b.figures.contests = append(b.figures.contests, f)
	for _, ratio := range f.ratios {
		fmt.Fprintf(b.log, "    %s, %d connections: %s\n", f.storage, f.width, ratio)
	}
	return nil
}
