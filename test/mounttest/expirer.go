package mounttest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// Vault's own numbers (vault/expiration.go): what one mount gets of the
	// workers, how often a revocation is tried, and the pause after the first.
	VaultRevocations   = 180
	vaultAttempts      = 6
	vaultFirstPause    = 20 * time.Second
	vaultTickOfMinutes = time.Minute
)

// expirer revokes leases as Vault does: many at a time, and again after pauses
// that double, give or take a half, until it gives up.
type expirer struct {
	*Mount
	random  *rand.Rand
	Waiting []*expiring
	// outageEnds is when ProcessMaker is back; the zero time if it is not away.
	outageEnds time.Time

	Irrevocable int
}

type expiring struct {
	lease    *Lease
	at       time.Time
	attempts int
}

func NewExpirer(h *Mount, leases []*Lease) *expirer {
	e := &expirer{Mount: h, random: rand.New(rand.NewPCG(1, 2))}
	for _, l := range leases {
		e.Waiting = append(e.Waiting, &expiring{lease: l, at: h.Clock.Now()})
	}
	return e
}

// Outage takes ProcessMaker away for a time from now on.
func (e *expirer) Outage(length time.Duration) {
	e.GoDown()
	e.outageEnds = e.Clock.Now().Add(length)
}

// Run goes on, second by second, until Vault has no lease left and the ledger
// is empty, at most for a limit.
func (e *expirer) Run(limit time.Duration) {
	e.T.Helper()
	start := e.Clock.Now()
	for passed := time.Duration(0); passed <= limit; passed = e.Clock.Now().Sub(start) {
		if !e.outageEnds.IsZero() && !e.Clock.Now().Before(e.outageEnds) {
			if err := e.Pm.GoOnline(); err != nil {
				e.T.Fatal(err)
			}
			e.outageEnds = time.Time{}
		}
		e.revokeDue()
		if passed%vaultTickOfMinutes == 0 {
			e.Tick()
			if len(e.Waiting) == 0 && len(e.RecordIDs()) == 0 {
				return
			}
		}
		e.Clock.Advance(time.Second)
	}
}

func (e *expirer) revokeDue() {
	var due []*expiring
	now := e.Clock.Now()
	for _, one := range e.Waiting {
		if !one.at.After(now) {
			due = append(due, one)
		}
	}
	if len(due) == 0 {
		return
	}
	failed := e.revokeAll(due)
	e.Waiting = slices.DeleteFunc(e.Waiting, func(one *expiring) bool { return !one.at.After(now) })
	for _, one := range failed {
		one.attempts++
		if one.attempts == vaultAttempts {
			e.Irrevocable++
			continue
		}
		pause := vaultFirstPause << (one.attempts - 1)
		one.at = now.Add(pause/2 + time.Duration(e.random.Int64N(int64(pause))))
		e.Waiting = append(e.Waiting, one)
	}
}

// revokeAll gives those whose revocation failed.
func (e *expirer) revokeAll(due []*expiring) (failed []*expiring) {
	var mu sync.Mutex
	work := make(chan *expiring)
	var workers sync.WaitGroup
	for range VaultRevocations {
		workers.Go(func() {
			for one := range work {
				if one.lease.TryRevoke() != nil {
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
