package client

import "slices"

// line is where token calls wait: a queue for each caller, and the queues in the
// order of their turns.
type line struct {
	queues []*queue
}

type queue struct {
	caller Caller
	turns  []*turn
}

// turn is one call that waits.
type turn struct {
	caller Caller
	// done: it may be made. call stands for it in the budget; nil where there is no
	// limit.
	done bool
	call *spentCall
	// wake, if set, ends its sleep.
	wake func()
}

func (l *line) join(turn *turn) {
	at := slices.IndexFunc(l.queues, func(q *queue) bool { return q.caller == turn.caller })
	if at < 0 {
		at = len(l.queues)
		l.queues = append(l.queues, &queue{caller: turn.caller})
	}
	l.queues[at].turns = append(l.queues[at].turns, turn)
}

func (l *line) quit(turn *turn) {
	for i, q := range l.queues {
		at := slices.Index(q.turns, turn)
		if at < 0 {
			continue
		}
		q.turns = slices.Delete(q.turns, at, at+1)
		if len(q.turns) == 0 {
			l.queues = slices.Delete(l.queues, i, i+1)
		}
		return
	}
}

// serve lets the first of each queue make its call, in turn, as long as pay does.
// A queue that was served goes to the end of the line.
func (l *line) serve(pay func(Caller) (*spentCall, bool)) {
	for i := 0; i < len(l.queues); {
		q := l.queues[i]
		call, ok := pay(q.caller)
		if !ok {
			i++
			continue
		}
		first := q.turns[0]
		first.done, first.call = true, call
		if first.wake != nil {
			first.wake()
		}
		q.turns = slices.Delete(q.turns, 0, 1)
		l.queues = slices.Delete(l.queues, i, i+1)
		if len(q.turns) > 0 {
			l.queues = append(l.queues, q)
		}
		i = 0
	}
}

// place is how many calls are made up to a turn, itself included: of its own
// caller, and of all.
type place struct{ own, all int }

func (l *line) place(turn *turn) (place place) {
	mine := slices.IndexFunc(l.queues, func(q *queue) bool { return q.caller == turn.caller })
	if mine < 0 {
		return place
	}
	place.own = slices.Index(l.queues[mine].turns, turn) + 1
	for i, q := range l.queues {
		switch {
		case i == mine:
			place.all += place.own
		case i < mine:
			place.all += min(len(q.turns), place.own)
		default:
			place.all += min(len(q.turns), place.own-1)
		}
	}
	return place
}
