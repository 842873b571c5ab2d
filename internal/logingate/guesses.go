package logingate

import (
	"sync"
	"time"
)

// Guesses has a gate for each login whose password a caller types, so that it can be found out
// only slowly: one try at a time, and none while a refusal is remembered. The zero value is empty.
type Guesses struct {
	mu    sync.Mutex
	gates map[string]*guess
	// tidyAt is how many gates there are when those are dropped that remember nothing any more.
	tidyAt int
}

type guess struct {
	*Gate
	asked time.Time
}

const leastTidyAt = 64

// Of is the gate of the login that key stands for.
func (g *Guesses) Of(key string, now time.Time) *Gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.gates[key]
	if known == nil {
		g.tidy(now)
		known = &guess{Gate: &Gate{typed: true}}
		g.gates[key] = known
	}
	known.asked = now
	return known.Gate
}

// tidy keeps the memory in proportion to the logins tried in the last minutes.
func (g *Guesses) tidy(now time.Time) {
	if g.gates == nil {
		g.gates, g.tidyAt = map[string]*guess{}, leastTidyAt
	}
	if len(g.gates) < g.tidyAt {
		return
	}
	for key, known := range g.gates {
		if known.isOver(known.asked, now) {
			delete(g.gates, key)
		}
	}
	g.tidyAt = max(leastTidyAt, 2*len(g.gates))
}

// isOver tells whether the gate, last asked for at asked, remembers nothing that counts. The longest
// pause is given once more to what it remembered, so that pauses go on growing.
func (g *Gate) isOver(asked, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := g.until
	if asked.After(last) {
		last = asked
	}
	return g.trial == nil && !now.Before(last.Add(LongestPause))
}

// Len is how many gates there are.
func (g *Guesses) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.gates)
}
