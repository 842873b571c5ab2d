package credential

import (
	"sync"
	"time"
)

// attempts remembers which endings have failed, how often, and since when because
// ProcessMaker was unreachable. It is in memory alone: after a restart it counts
// anew. The zero value is empty.
type attempts struct {
	mu   sync.Mutex
	byID map[string]*attempt
}

type attempt struct {
	count            int
	last             time.Time
	unreachableSince time.Time // zero unless it was
	hopeless         error     // nil unless further attempts are of no use
}

// failed records a failure and tells since when ProcessMaker has been unreachable;
// zero if that is not what failed.
func (l *attempts) failed(id string, now time.Time, unreachable bool) time.Time {
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
func (l *attempts) counted(id string, now time.Time) *attempt {
	if l.byID == nil {
		l.byID = map[string]*attempt{}
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

// hopeless records a failure that no repetition mends.
func (l *attempts) hopeless(id string, now time.Time, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted(id, now).hopeless = why
}

// whyHopeless is the failure of the last attempt if no repetition mends it, and
// otherwise nil.
func (l *attempts) whyHopeless(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[id]; known != nil {
		return known.hopeless
	}
	return nil
}

// number is that of the attempt that is under way, from 1.
func (l *attempts) number(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[id]; known != nil {
		return known.count + 1
	}
	return 1
}

// over forgets an id that needs no further attempt.
func (l *attempts) over(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, id)
}

// forgetBefore drops the ids that have not failed since then.
func (l *attempts) forgetBefore(then time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, known := range l.byID {
		if known.last.Before(then) {
			delete(l.byID, id)
		}
	}
}

// count is how many ids are remembered.
func (l *attempts) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byID)
}
