package client

import (
	"context"
	"slices"
	"sync"
	"time"

	"vault-plugin-secrets-processmaker/internal/clock"
)

const (
	// budgetWindow is the server's minute and a second more, because calls
	// made a minute apart may arrive less than a minute apart.
	budgetWindow      = 61 * time.Second
	budgetLongestWait = 20 * time.Second
	// budgetLongestQueue bounds how many calls of one caller wait.
	budgetLongestQueue = 256
)

// Caller is on whose behalf a token call is made.
type Caller struct {
	// Role names the role. The limit of token calls is shared out between roles.
	Role string
	// Kept: the call begins or renews a session or a credential. A tenth of the
	// limit is kept for such calls: credentials in use depend on them.
	Kept bool
}

// budget spends the calls that the token endpoint allows. Laravel counts them
// in fixed windows of a minute that begin with a first call. A token bucket
// (x/time/rate) lets up to twice its rate through in such a window, so this
// keeps the times of the last calls instead and never lets more than the limit
// into any minute.
//
// Others may share the server's count. X-RateLimit-Remaining and Retry-After of
// the answers are obeyed on top.
type budget struct {
	clock clock.Clock

	mu sync.Mutex
	// spent are the calls of the last window, in order of time.
	spent []*spentCall
	tally tally
	line  line
	// asked is when each role of the tally last asked for a call.
	asked  map[string]time.Time
	tidied time.Time

	blockedUntil time.Time
	// readsBlockedUntil: of the server's own count no more than a tenth is left.
	readsBlockedUntil time.Time
	// The server's own window, as far as its answers tell.
	remaining   int
	windowEnd   time.Time
	windowKnown bool
}

type spentCall struct {
	at    time.Time
	role  string
	purse purse
}

func newBudget(clk clock.Clock, limit int) *budget {
	return &budget{clock: clk, tally: tally{limit: limit, byRole: map[string]int{}}, asked: map[string]time.Time{}}
}

// setLimit takes a new limit. It also forgets the waits that the server asked for:
// new settings may come with a new limit there, and a 429 asks again.
func (b *budget) setLimit(limit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tally.limit = limit
	b.blockedUntil, b.readsBlockedUntil = time.Time{}, time.Time{}
	b.serve(b.clock.Now())
}

// add counts the calls that other, which nobody uses, has spent.
func (b *budget) add(other *budget) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, call := range other.spent {
		if purse, ok := b.tally.take(Caller{Role: call.role}); ok {
			b.spent = append(b.spent, &spentCall{at: call.at, role: call.role, purse: purse})
		}
	}
}

// wait returns when a call may be made: in the order of arrival among the calls
// of one caller, in turn among callers. Where that would take longer than 20 s it
// fails at once with a Throttled error that says when. The returned function takes
// the call back if it is not made.
func (b *budget) wait(ctx context.Context, operation string, caller Caller) (takeBack func(), err error) {
	turn, giveUpAt := &turn{caller: caller}, b.clock.Now().Add(budgetLongestWait)
	b.enter(turn)
	for {
		sleep, err := b.proceed(turn, operation, giveUpAt)
		if err != nil {
			return nil, err
		}
		if sleep > 0 {
			sleepCtx, wake := context.WithCancel(ctx)
			if b.sleeping(turn, wake) {
				_ = b.clock.Sleep(sleepCtx, sleep)
			}
			wake()
		}
		if err := ctx.Err(); err != nil {
			b.leave(turn)
			return nil, err
		}
		if b.served(turn) {
			return func() { b.leave(turn) }, nil
		}
	}
}

func (b *budget) enter(turn *turn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	b.noteAsked(turn.caller.Role, now)
	b.line.join(turn)
}

// proceed serves the whole line. It returns how long turn has to sleep if it
// was not served, or an error if waiting is of no use.
func (b *budget) proceed(turn *turn, operation string, giveUpAt time.Time) (sleep time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	b.serve(now)
	if turn.done {
		return 0, nil
	}
	at := b.expected(turn, now)
	if at.After(giveUpAt) || b.line.place(turn).own > budgetLongestQueue {
		b.line.quit(turn)
		return 0, b.throttledError(operation, at)
	}
	// Never zero: a turn that is expected now is served by others' leaving.
	return max(min(b.nextChange(now).Sub(now), giveUpAt.Sub(now)), time.Millisecond), nil
}

// sleeping tells whether turn has to sleep. Its being served calls wake.
func (b *budget) sleeping(turn *turn, wake func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	turn.wake = wake
	return !turn.done
}

func (b *budget) served(turn *turn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return turn.done
}

// leave gives up a turn, or takes back the call that it was served.
func (b *budget) leave(turn *turn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !turn.done {
		b.line.quit(turn)
	} else if at := slices.Index(b.spent, turn.call); turn.call != nil && at >= 0 {
		b.spent = slices.Delete(b.spent, at, at+1)
		b.tally.giveBack(turn.call)
	}
	b.serve(b.clock.Now())
}

// serve lets the waiting calls be made that may be, each caller in turn.
func (b *budget) serve(now time.Time) {
	b.forgetOld(now)
	b.line.serve(func(caller Caller) (*spentCall, bool) {
		if now.Before(b.blockedUntil) || !caller.Kept && now.Before(b.readsBlockedUntil) {
			return nil, false
		}
		if b.tally.limit == 0 {
			return nil, true
		}
		purse, ok := b.tally.take(caller)
		if !ok {
			return nil, false
		}
		call := &spentCall{at: now, role: caller.Role, purse: purse}
		b.spent = append(b.spent, call)
		return call, true
	})
}

// expected is when turn will be served if nobody else comes and those before it
// are.
func (b *budget) expected(turn *turn, now time.Time) time.Time {
	at := latest(now, b.blockedUntil)
	if !turn.caller.Kept {
		at = latest(at, b.readsBlockedUntil)
	}
	if b.tally.limit == 0 {
		return at
	}
	place, then := b.line.place(turn), b.tally.clone()
	for _, call := range b.spent {
		if then.room(turn.caller) >= place.own && then.free(turn.caller) >= place.all {
			return at
		}
		then.giveBack(call)
		at = latest(at, call.at.Add(budgetWindow))
	}
	if then.room(turn.caller) >= place.own && then.free(turn.caller) >= place.all {
		return at
	}
	// Those before it fill a window of their own.
	return at.Add(budgetWindow)
}

// nextChange is the next time at which more calls may be made.
func (b *budget) nextChange(now time.Time) time.Time {
	next := now.Add(budgetLongestWait)
	for _, at := range []time.Time{b.blockedUntil, b.readsBlockedUntil} {
		if at.After(now) && at.Before(next) {
			next = at
		}
	}
	if len(b.spent) > 0 {
		if at := b.spent[0].at.Add(budgetWindow); at.Before(next) {
			next = at
		}
	}
	return next
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (b *budget) forgetOld(now time.Time) {
	n := 0
	for n < len(b.spent) && !now.Before(b.spent[n].at.Add(budgetWindow)) {
		b.tally.giveBack(b.spent[n])
		n++
	}
	b.spent = slices.Delete(b.spent, 0, n)
}

// noteAsked makes role one of those that the limit is shared out between, until it
// has neither asked for a call nor made one for a window.
func (b *budget) noteAsked(role string, now time.Time) {
	b.asked[role] = now
	b.tally.know(role)
	if now.Sub(b.tidied) < budgetWindow {
		return
	}
	b.tidied = now
	for role, asked := range b.asked {
		if now.Sub(asked) >= budgetWindow && b.tally.forget(role) {
			delete(b.asked, role)
		}
	}
}

func (b *budget) throttledError(operation string, until time.Time) error {
	detail := "the limit of token calls is used up"
	if b.tally.limit > len(b.spent) && !b.clock.Now().Before(b.blockedUntil) {
		detail = "the role's share of the limit of token calls is used up"
	}
	return &Error{
		Kind:      Throttled,
		Operation: operation,
		Detail:    detail,
		RetryAt:   until,
		NotSent:   true,
	}
}
