package main

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// Vault's own numbers (vault/expiration.go): what one mount gets of the
	// workers, how often a revocation is tried, and the pause after the first.
	vaultRevocations   = 180
	vaultAttempts      = 6
	vaultFirstPause    = 20 * time.Second
	vaultTickOfMinutes = time.Minute
)

// expirer revokes leases as Vault does: many at a time, and again after pauses
// that double, give or take a half, until it gives up.
type expirer struct {
	*harness
	random  *rand.Rand
	waiting []*expiring
	// outageEnds is when ProcessMaker is back; the zero time if it is not away.
	outageEnds time.Time

	irrevocable int
}

type expiring struct {
	lease    *heldLease
	at       time.Time
	attempts int
}

func newExpirer(h *harness, leases []*heldLease) *expirer {
	e := &expirer{harness: h, random: rand.New(rand.NewPCG(1, 2))}
	for _, l := range leases {
		e.waiting = append(e.waiting, &expiring{lease: l, at: h.clock.Now()})
	}
	return e
}

// outage takes ProcessMaker away for a time from now on.
func (e *expirer) outage(length time.Duration) {
	e.goDown()
	e.outageEnds = e.clock.Now().Add(length)
}

// run goes on, second by second, until Vault has no lease left and the ledger
// is empty, at most for a limit.
func (e *expirer) run(limit time.Duration) {
	e.t.Helper()
	start := e.clock.Now()
	for passed := time.Duration(0); passed <= limit; passed = e.clock.Now().Sub(start) {
		if !e.outageEnds.IsZero() && !e.clock.Now().Before(e.outageEnds) {
			if err := e.pm.GoOnline(); err != nil {
				e.t.Fatal(err)
			}
			e.outageEnds = time.Time{}
		}
		e.revokeDue()
		if passed%vaultTickOfMinutes == 0 {
			e.tick()
			if len(e.waiting) == 0 && len(e.recordIDs()) == 0 {
				return
			}
		}
		e.clock.Advance(time.Second)
	}
}

func (e *expirer) revokeDue() {
	var due []*expiring
	now := e.clock.Now()
	for _, one := range e.waiting {
		if !one.at.After(now) {
			due = append(due, one)
		}
	}
	if len(due) == 0 {
		return
	}
	failed := e.revokeAll(due)
	e.waiting = slices.DeleteFunc(e.waiting, func(one *expiring) bool { return !one.at.After(now) })
	for _, one := range failed {
		one.attempts++
		if one.attempts == vaultAttempts {
			e.irrevocable++
			continue
		}
		pause := vaultFirstPause << (one.attempts - 1)
		one.at = now.Add(pause/2 + time.Duration(e.random.Int64N(int64(pause))))
		e.waiting = append(e.waiting, one)
	}
}

// revokeAll gives those whose revocation failed.
func (e *expirer) revokeAll(due []*expiring) (failed []*expiring) {
	var mu sync.Mutex
	work := make(chan *expiring)
	var workers sync.WaitGroup
	for range vaultRevocations {
		workers.Go(func() {
			for one := range work {
				if one.lease.tryRevoke() != nil {
					mu.Lock()
					failed = append(failed, one)
					mu.Unlock()
				}
			}
		})
	}
	for _, one := range due {
		work <- one
	}
	close(work)
	workers.Wait()
	return failed
}
