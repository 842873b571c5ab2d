// Package lease computes how long leases last: at issue, at each renewal, and never longer than the
// token they are for.
package lease

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// DeadlineSlack lies between a lease's end and its credential's deadline: Vault comes first.
	DeadlineSlack = time.Minute
	// tokenLeeway is how long before ProcessMaker's own end of a token its lease has to be over.
	tokenLeeway = 30 * time.Second
	// LeastGrowth is what a renewal has to add to a lease to be worth the old token's life.
	LeastGrowth = time.Second
)

// ErrOver: nothing is left to renew.
var ErrOver = errors.New("the lease has reached its max_ttl and cannot be renewed; read the role again")

// Bounds are what the role and the mount allow.
type Bounds struct{ TTL, MaxTTL, MountMaxTTL time.Duration }

// Terms are how long a lease lasts from now, and at most from its issue, as Vault counts both.
type Terms struct {
	TTL, MaxTTL time.Duration
	Warnings    []string
}

// Issue computes the terms of a new lease. asked is the reader's own ttl, 0 if none.
func Issue(b Bounds, mode Mode, asked time.Duration) Terms {
	t := Terms{TTL: min(b.TTL, b.MountMaxTTL), MaxTTL: min(b.MaxTTL, b.MountMaxTTL)}
	if asked > 0 {
		if asked > t.TTL {
			t.Warnings = append(t.Warnings, fmt.Sprintf("ttl of %s is above the %s that the role and the mount allow; it was lowered to that", asked, t.TTL))
		} else {
			t.TTL = asked
		}
	}
	if mode == None {
		t.MaxTTL = t.TTL
	}
	return t
}

// Until caps the terms of a new lease that begins at so that Vault comes before the deadline: making
// a token takes time, and its deadline was fixed before. Nothing is left where TTL is below a second.
func (t Terms) Until(deadline, at time.Time) Terms {
	most := (deadline.Add(-DeadlineSlack).Sub(at) + time.Second - 1).Truncate(time.Second)
	t.TTL, t.MaxTTL = min(t.TTL, most), min(t.MaxTTL, most)
	return t
}

// TokenEndFor is the end of a token for which a lease lasts most from now.
func TokenEndFor(now time.Time, most time.Duration) time.Time { return now.Add(most + tokenLeeway) }

// WithinToken caps the terms of a new lease so that it ends before its token does. A lease that
// refreshes may go on with the tokens to come.
func (t Terms) WithinToken(mode Mode, life time.Duration) Terms {
	if life = usableLife(life); life < t.TTL {
		t.Warnings = append(t.Warnings, fmt.Sprintf("ProcessMaker's own end of the token comes first; the lease was lowered to %s", life))
		t.TTL = life
	}
	if mode != Refresh {
		t.MaxTTL = min(t.MaxTTL, life)
	}
	return t
}

// usableLife is the part of a token's life that a lease may cover, in Vault's whole seconds.
func usableLife(life time.Duration) time.Duration {
	return max(life-tokenLeeway, life/2).Truncate(time.Second)
}

// Renewal is what is known when a lease is to be renewed.
type Renewal struct {
	Now time.Time
	// Issued is when Vault began to count, End where the present lease ends; zero if unknown.
	Issued, End time.Time
	// Deadline is when the credential is ended whatever its lease says.
	Deadline time.Time
	// TTL is what a renewal gives where the client has no wish of its own.
	TTL time.Duration
	// Increment is the client's wish, 0 if none.
	Increment   time.Duration
	MountMaxTTL time.Duration
}

// LastMoment is the end that no renewal can pass.
func (r Renewal) LastMoment() time.Time {
	return earlier(r.Deadline.Add(-DeadlineSlack), r.Issued.Add(r.MountMaxTTL))
}

// Terms computes the renewed lease, which ends by tokenEnd unless that is zero, or is ErrOver.
func (r Renewal) Terms(tokenEnd time.Time) (Terms, error) {
	last := r.LastMoment()
	if !tokenEnd.IsZero() {
		last = earlier(last, r.Now.Add(usableLife(tokenEnd.Sub(r.Now))))
	}
	ttl := r.ttlUntil(last)
	if ttl < time.Second {
		return Terms{}, ErrOver
	}
	return Terms{TTL: ttl, MaxTTL: last.Sub(r.Issued.Truncate(time.Second)).Truncate(time.Second)}, nil
}

// ttlUntil is how long the lease lasts if it is renewed now and ends by last. Vault counts whole
// seconds, from the whole second of now and of the issue; parts of one would make it cap the
// answer.
func (r Renewal) ttlUntil(last time.Time) time.Duration {
	wish := r.TTL
	if r.Increment > 0 {
		wish = r.Increment
	}
	return min(wish, last.Sub(r.Now)).Truncate(time.Second)
}

// Grows tells whether renewing now lengthens the lease at all.
func (r Renewal) Grows() bool {
	newEnd := r.Now.Add(r.ttlUntil(r.LastMoment()))
	return r.End.IsZero() || !newEnd.Before(r.End.Add(LeastGrowth))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Mode says what renewing a lease does to its token. Roles, records and leases store its values.
type Mode string

const (
	// Refresh trades the token for a new one; the old one dies.
	Refresh Mode = "refresh"
	// Extend keeps the token and lengthens the lease.
	Extend Mode = "extend"
	// None makes leases that cannot be renewed.
	None Mode = "none"
)

// byRotation are the modes, the one that rotates least first.
var byRotation = []Mode{None, Extend, Refresh}

// Allows tells whether a reader of a role with mode m may ask for another mode. Less rotation takes
// nothing from anybody; more would kill tokens that the role's owner means to last.
func (m Mode) Allows(asked Mode) bool {
	return slices.Index(byRotation, asked) <= slices.Index(byRotation, m)
}
