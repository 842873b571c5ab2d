//go:build unix

package main

import "fmt"

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
