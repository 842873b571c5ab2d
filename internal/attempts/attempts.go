// Package attempts remembers what has failed, how often, and since when because
// the other side was out of reach. It is in memory alone: after a restart all of
// it counts anew.
package attempts

import (
	"sync"
	"time"
)

// Log holds one entry for each id whose attempts fail. The zero value is empty.
type Log struct {
	mu   sync.Mutex
	byID map[string]*entry
}

type entry struct {
	count            int
	last             time.Time
	unreachableSince time.Time // zero unless it was
	hopeless         error     // nil unless further attempts are of no use
}

// Failed takes a failure down and tells since when the other side has been
// unreachable; zero if that is not what failed.
func (l *Log) Failed(id string, now time.Time, unreachable bool) time.Time {
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
func (l *Log) counted(id string, now time.Time) *entry {
	if l.byID == nil {
		l.byID = map[string]*entry{}
	}
	known := l.byID[id]
	if known == nil {
		known = &entry{}
		l.byID[id] = known
	}
	known.count++
	known.last = now
	return known
}

// Hopeless takes down a failure that no repetition mends.
func (l *Log) Hopeless(id string, now time.Time, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted(id, now).hopeless = why
}

// WhyHopeless says what stood in the way of the last attempt that no repetition
// mends; nil if there is nothing.
func (l *Log) WhyHopeless(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[id]; known != nil {
		return known.hopeless
	}
	return nil
}

// Number is that of the attempt that is under way, from 1.
func (l *Log) Number(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.byID[id]; known != nil {
		return known.count + 1
	}
	return 1
}

// Over forgets an id that needs no further attempt.
func (l *Log) Over(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, id)
}

// ForgetBefore drops the ids that have not failed since then.
func (l *Log) ForgetBefore(then time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, known := range l.byID {
		if known.last.Before(then) {
			delete(l.byID, id)
		}
	}
}

// Len is how many ids are remembered.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byID)
}
