//go:build unix

package main

import "fmt"

// contests measures reads. Each number of connections has servers of its own, so
// that none inherits the leases of another, and more than one: two plugin
// processes differ for as long as they live, whatever they do, and rounds on one
// pair of them alone would take that for a difference of what is measured.
func (b *bench) contests() error {
	for _, storage := range b.plan.storages {
		for _, width := range b.plan.widths {
			showings := map[string]*showing{}
			for first := 0; first < b.plan.rounds; first += b.plan.roundsPerServer {
				last := min(first+b.plan.roundsPerServer, b.plan.rounds)
				work := func(s *stage) error { return b.contest(s, width, first, last, showings) }
				if err := b.onStage(storage, 0, cannedDouble, work); err != nil {
					return fmt.Errorf("%s storage, %d connections: %w", storage, width, err)
				}
			}
			f := newContestFigures(storage, width, b.plan.rounds, showings)
			b.figures.contests = append(b.figures.contests, f)
			for _, ratio := range f.ratios {
				fmt.Fprintf(b.log, "    %s, %d connections: %s\n", f.storage, f.width, ratio)
			}
		}
	}
	return nil
}

// contest adds the rounds from first to last to the showings.
func (b *bench) contest(s *stage, width, first, last int, showings map[string]*showing) error {
	if _, err := mountTheirs(s.caller, s.vault, s.upstream); err != nil {
		return err
	}
	leased, err := leasedContestants(s.caller, s.upstream)
	if err != nil {
		return err
	}
	c := contest{vault: s.vault, upstream: s.upstream, first: first, last: last, width: width, count: b.plan.reads(width)}
	if err := c.run(leased, showings); err != nil {
		return err
	}
	c.count = b.plan.staticReads(width)
	return c.run(leaselessContestants(s.caller), showings)
}
