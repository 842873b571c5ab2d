package client

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"vault-plugin-secrets-processmaker/internal/clock"
)

const (
	// budgetWindow is the server's minute and a second more, because calls
	// made a minute apart may arrive less than a minute apart.
	budgetWindow      = 61 * time.Second
	budgetLongestWait = 20 * time.Second
)

// budget spends the calls that the token endpoint allows. Laravel counts them
// in fixed windows of a minute that begin with a first call. A token bucket
// (x/time/rate) lets up to twice its rate through in such a window, so this
// keeps the times of the last calls instead and never lets more than the limit
// into any minute.
//
// Others may share the server's count. What the answers say of it
// (X-RateLimit-Remaining, Retry-After) is obeyed on top.
type budget struct {
	clock clock.Clock

	mu           sync.Mutex
	limit        int
	slots        []time.Time // ascending; of calls made and of calls waiting
	blockedUntil time.Time
	// The server's own window, as far as its answers tell.
	remaining   int
	windowEnd   time.Time
	windowKnown bool
}

func newBudget(clk clock.Clock, limit int) *budget {
	return &budget{clock: clk, limit: limit}
}

// setLimit takes a new limit. It also forgets what the server asked for: an
// operator who writes the settings may know better, and a 429 says it again.
func (b *budget) setLimit(limit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = limit
	b.blockedUntil = time.Time{}
}

// wait returns when a call may be made, in the order of arrival. Where that
// would take longer than 20 s it fails at once with a Throttled error that
// says when. The returned function takes the call back if it is not made.
func (b *budget) wait(ctx context.Context, operation string) (takeBack func(), err error) {
	giveUpAt := b.clock.Now().Add(budgetLongestWait)
	for {
		slot, ok := b.reserve(giveUpAt)
		if !ok {
			return nil, b.throttledError(operation, slot)
		}
		takeBack = func() { b.release(slot) }
		if err := b.clock.Sleep(ctx, slot.Sub(b.clock.Now())); err != nil {
			takeBack()
			return nil, err
		}
		// While this call waited, another one's answer may have said that
		// the limit is used up.
		if !b.blockedAt(slot) {
			return takeBack, nil
		}
		takeBack()
	}
}

// reserve takes the first free slot, unless it lies after giveUpAt.
func (b *budget) reserve(giveUpAt time.Time) (slot time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	slot = b.clock.Now()
	if slot.Before(b.blockedUntil) {
		slot = b.blockedUntil
	}
	if b.limit > 0 && len(b.slots) >= b.limit {
		if free := b.slots[len(b.slots)-b.limit].Add(budgetWindow); free.After(slot) {
			slot = free
		}
	}
	if slot.After(giveUpAt) {
		return slot, false
	}
	if b.limit > 0 {
		b.forgetOld()
		at, _ := slices.BinarySearchFunc(b.slots, slot, time.Time.Compare)
		b.slots = slices.Insert(b.slots, at, slot)
	}
	return slot, true
}

func (b *budget) forgetOld() {
	old := b.clock.Now().Add(-budgetWindow)
	n := 0
	for n < len(b.slots) && b.slots[n].Before(old) {
		n++
	}
	b.slots = slices.Delete(b.slots, 0, n)
}

func (b *budget) release(slot time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at, found := slices.BinarySearchFunc(b.slots, slot, time.Time.Compare); found {
		b.slots = slices.Delete(b.slots, at, at+1)
	}
}

func (b *budget) blockedAt(slot time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slot.Before(b.blockedUntil)
}

func (b *budget) throttledError(operation string, until time.Time) error {
	return &Error{
		Kind:      Throttled,
		Operation: operation,
		Detail:    "the limit of token calls is used up",
		RetryAt:   until,
		NotSent:   true,
	}
}

// learn takes in what an answer of the token endpoint says of the server's own
// count.
func (b *budget) learn(status int, header http.Header) {
	now := b.clock.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if status == http.StatusTooManyRequests {
		b.block(throttledUntil(header, now))
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
	if remaining == 0 {
		b.block(b.windowEnd)
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
	if b.limit > 0 {
		b.forgetOld()
		left = max(b.limit-len(b.slots), 0)
	}
	if b.windowKnown && now.Before(b.windowEnd) && (left == NoTokenLimit || b.remaining < left) {
		left = b.remaining
	}
	return left
}

func (b *budget) block(until time.Time) {
	if until.After(b.blockedUntil) {
		b.blockedUntil = until
	}
}
