//go:build unix

package main

import (
	"errors"
	"time"
)

// starts measures how soon after its start a server with raft storage hands out
// its first credential, the product's and the reference engine's in turn.
func (b *bench) starts() error {
	return b.onStage(raft, 0, cannedDouble, func(s *stage) error {
		if _, err := mountTheirs(s.caller, s.vault, s.upstream); err != nil {
			return err
		}
		contestants := []struct{ name, path string }{
			{ourPassword, ours + "/creds/" + password},
			{referenceRead, theirs + "/reference/" + password},
		}
		figures := make([]startFigures, len(contestants))
		for range b.plan.starts {
			for i, one := range contestants {
				if err := s.vault.program.Stop(); err != nil {
					return err
				}
				begin := time.Now()
				unsealed, err := s.restart()
				if err != nil {
					return err
				}
				if err := s.vault.until(func() error { _, err := s.caller.read(one.path); return err }); err != nil {
					return err
				}
				f := &figures[i]
				f.name = one.name
				f.total = append(f.total, time.Since(begin).Seconds())
				f.first = append(f.first, time.Since(unsealed).Seconds())
			}
		}
		b.figures.starts = figures
		return nil
	})
}

// restart starts the server again and returns when it could first be asked.
func (s *stage) restart() (unsealed time.Time, err error) {
	if err := s.vault.launch(); err != nil {
		return time.Time{}, err
	}
	err = s.vault.unseal()
	if err != nil {
		err = errors.Join(errors.New("the server does not come back"), err)
	}
	return time.Now(), err
}
