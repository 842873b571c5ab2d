//go:build unix

package main

import (
	"sync"
	"time"
)

// fairFigures are those of two roles that share a limit of token calls.
type fairFigures struct {
	window             time.Duration
	tried, got         [2]int // the busy role's and the other's
	longest            time.Duration
	refused, throttled int // the other's, and all of ProcessMaker's
}

// fairness lets one role ask 50 times a second and another once, under ProcessMaker's limit.
func (b *bench) fairness() error {
	f := &fairFigures{window: b.plan.fairWindow}
	err := b.onStage(inMemory, perMinute, limitedDouble, func(s *stage) error {
		var (
			mu  sync.Mutex
			all sync.WaitGroup
		)
		paths := [2]string{ours + "/creds/" + password, ours + "/creds/" + extending}
		read := func(which int) {
			begin := time.Now()
			_, err := s.caller.read(paths[which])
			mu.Lock()
			defer mu.Unlock()
			if which == 1 {
				f.longest = max(f.longest, time.Since(begin))
			}
			switch {
			case err == nil:
				f.got[which]++
			case which == 1:
				f.refused++
			}
		}
		const tick = 20 * time.Millisecond
		for i := range int(f.window / tick) {
			for which, every := range [2]int{1, int(time.Second / tick)} {
				if i%every == 0 {
					f.tried[which]++
					all.Go(func() { read(which) })
				}
			}
			time.Sleep(tick)
		}
		all.Wait()
		var err error
		_, f.throttled, err = s.tokenCalls()
		return err
	})
	b.figures.fair = f
	return err
}
