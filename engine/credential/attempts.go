package credential

import (
	"sync"
	"time"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// Attempts remembers which endings have failed, how often, and since when because ProcessMaker was
// unreachable. It is in memory alone: after a restart it counts anew. The zero value is empty.
type Attempts struct {
	mu   sync.Mutex
	byID map[ledger.ID]*attempt
}

type attempt struct {
	count            int
	last             time.Time
	unreachableSince time.Time // zero unless it was
	hopeless         error     // nil unless further attempts are of no use
}

// Failed records a failure. It tells since when ProcessMaker has been unreachable; zero if it was
// not.
func (l *Attempts) Failed(id ledger.ID, now time.Time, unreachable bool) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.counted(id, now)
	known.hopeless = nil
	if !unreachable {
		return time.Time{}
	}
	if known.unreachableSince.IsZero() {
		known.unreachableSince = now
	}
	return known.unreachableSince
}

// counted is the entry of an id with a failure more. The mutex is held.
func (l *Attempts) counted(id ledger.ID, now time.Time) *attempt {
	if l.byID == nil {
		l.byID = map[ledger.ID]*attempt{}
	}
	known := l.byID[id]
	if known == nil {
		known = &attempt{}
		l.byID[id] = known
	}
	known.count++
	known.last = now
	return known
}

// Hopeless records a failure that no repetition mends.
func (l *Attempts) Hopeless(id ledger.ID, now time.Time, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted(id, now).hopeless = why
}

// get is a copy of what is known of id, all zero where nothing is.
func (l *Attempts) get(id ledger.ID) attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[id]; known != nil {
		return *known
	}
	return attempt{}
}

// WhyHopeless is the failure of the last attempt if no repetition mends it, and otherwise nil.
func (l *Attempts) WhyHopeless(id ledger.ID) error { return l.get(id).hopeless }

// Number is that of the attempt that is under way, from 1.
func (l *Attempts) Number(id ledger.ID) int { return l.get(id).count + 1 }

// Over forgets an id that needs no further attempt.
func (l *Attempts) Over(id ledger.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, id)
}

// ForgetOld drops the ids that have not failed for longer than Vault repeats a revocation.
func (l *Attempts) ForgetOld(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, known := range l.byID {
		if now.Sub(known.last) > forgetFailuresAfter {
			delete(l.byID, id)
		}
	}
}

// Len is how many ids are remembered.
func (l *Attempts) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byID)
}
