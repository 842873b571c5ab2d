package client

import (
	"net/http"
	"strconv"
)

// learn takes the server's own count from an answer of the token endpoint.
func (b *budget) learn(status int, header http.Header) {
	now := b.clock.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if status == http.StatusTooManyRequests {
		b.blockedUntil = latest(b.blockedUntil, throttledUntil(header, now))
		return
	}
	remaining, err := strconv.Atoi(header.Get("X-RateLimit-Remaining"))
	if err != nil || remaining < 0 {
		return
	}
	// A count that rose belongs to a window that began since the last answer,
	// so it ends within a minute from now.
	if !b.windowKnown || remaining > b.remaining || now.After(b.windowEnd) {
		b.windowKnown, b.windowEnd = true, now.Add(budgetWindow)
	}
	b.remaining = remaining
	limit, _ := strconv.Atoi(header.Get("X-RateLimit-Limit"))
	switch {
	case remaining == 0:
		b.blockedUntil = latest(b.blockedUntil, b.windowEnd)
	case b.tally.limit > 0 && remaining <= limit/keptPart:
		b.readsBlockedUntil = latest(b.readsBlockedUntil, b.windowEnd)
	}
}

// left is how many calls may be made now; NoTokenLimit where neither the
// settings nor the server's answers limit them.
func (b *budget) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	if now.Before(b.blockedUntil) {
		return 0
	}
	left := NoTokenLimit
	if b.tally.limit > 0 {
		b.forgetOld(now)
		left = max(b.tally.limit-len(b.spent), 0)
	}
	if b.windowKnown && now.Before(b.windowEnd) && (left == NoTokenLimit || b.remaining < left) {
		left = b.remaining
	}
	return left
}
