package main

import (
	"errors"
	"fmt"
	"time"

	"vault-plugin-secrets-processmaker/internal/ledger"
)

const (
	// deadlineSlack is the time between the last moment of a lease and the
	// deadline of its credential, so that Vault comes first.
	deadlineSlack = time.Minute
	// tokenLeeway is how long before ProcessMaker's own end of a token its
	// lease has to be over.
	tokenLeeway = 30 * time.Second
	// leastGrowth is what a renewal has to add to a lease to be worth the old
	// token's life.
	leastGrowth = time.Second
)

// terms are how long a lease lasts now and could ever last, both counted as
// Vault counts them: from now, and from the issue.
type terms struct {
	ttl, maxTTL time.Duration
	warnings    []string
}

// issueTerms computes those of a new lease. asked is the reader's own ttl, 0
// if none.
func issueTerms(r *role, mode renewMode, asked, mountMaxTTL time.Duration) terms {
	t := terms{ttl: min(r.TTL, mountMaxTTL), maxTTL: min(r.MaxTTL, mountMaxTTL)}
	if asked > 0 {
		if asked > t.ttl {
			t.warnings = append(t.warnings, fmt.Sprintf("ttl of %s is above the %s that the role and the mount allow; it was lowered to that", asked, t.ttl))
		} else {
			t.ttl = asked
		}
	}
	if mode == renewNever {
		t.maxTTL = t.ttl
	}
	return t
}

// withinToken caps the terms of a new lease so that it ends before its token
// does. A lease that refreshes may go on with the tokens to come.
func (t terms) withinToken(mode renewMode, life time.Duration) terms {
	if life = usableLife(life); life < t.ttl {
		t.warnings = append(t.warnings, fmt.Sprintf("ProcessMaker's own end of the token comes first; the lease was lowered to %s", life))
		t.ttl = life
	}
	if mode != renewByRefresh {
		t.maxTTL = min(t.maxTTL, life)
	}
	return t
}

// usableLife is the part of a token's life that a lease may cover, in whole
// seconds as Vault counts them.
func usableLife(life time.Duration) time.Duration {
	return max(life-tokenLeeway, life/2).Truncate(time.Second)
}

var errLeaseOver = errors.New("the lease has reached its max_ttl and cannot be renewed; read the role again")

// renewal is what is known when a lease is to be renewed.
type renewal struct {
	now time.Time
	// leaseIssue is when Vault began to count, leaseEnd where the lease ends
	// unless it is renewed; the second may be unknown (zero).
	leaseIssue, leaseEnd time.Time
	// increment is the client's wish, 0 if none.
	increment   time.Duration
	mountMaxTTL time.Duration
	record      *ledger.Record
}

// lastMoment is the end that no renewal can pass.
func (r renewal) lastMoment() time.Time {
	return earliest(
		r.record.Deadline.Add(-deadlineSlack),
		r.leaseIssue.Add(r.mountMaxTTL),
	)
}

// terms computes those of the renewed lease, which lasts no longer than
// tokenEnd unless that is zero.
func (r renewal) terms(tokenEnd time.Time) (terms, error) {
	last := r.lastMoment()
	if !tokenEnd.IsZero() {
		last = earliest(last, r.now.Add(usableLife(tokenEnd.Sub(r.now))))
	}
	ttl := r.ttlUntil(last)
	if ttl < time.Second {
		return terms{}, errLeaseOver
	}
	return terms{ttl: ttl, maxTTL: last.Sub(r.leaseIssue.Truncate(time.Second)).Truncate(time.Second)}, nil
}

// ttlUntil is how long the lease lasts if it is renewed now and last is not
// passed. Vault counts leases in whole seconds, from the whole second of now and
// of the issue; parts of a second would make it cap what is answered.
func (r renewal) ttlUntil(last time.Time) time.Duration {
	wish := r.record.TTL
	if r.increment > 0 {
		wish = r.increment
	}
	return min(wish, last.Sub(r.now)).Truncate(time.Second)
}

// grows tells whether renewing now lengthens the lease at all.
func (r renewal) grows() bool {
	newEnd := r.now.Add(r.ttlUntil(r.lastMoment()))
	return r.leaseEnd.IsZero() || !newEnd.Before(r.leaseEnd.Add(leastGrowth))
}

func earliest(times ...time.Time) time.Time {
	first := times[0]
	for _, t := range times[1:] {
		if t.Before(first) {
			first = t
		}
	}
	return first
}
