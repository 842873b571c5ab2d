package trail

import (
	"hash/maphash"
	"time"
)

// dropped are the credentials that nobody asked for, by no more than a number each, until their
// deadline: a line about the end of one of them is not about one whose read is in no log.
type dropped struct {
	seed    maphash.Seed
	known   map[uint64]bool
	minutes map[int64][]uint64
	passed  int64
}

func newDropped() dropped {
	return dropped{seed: maphash.MakeSeed(), known: map[uint64]bool{}, minutes: map[int64][]uint64{}}
}

func (d *dropped) add(c *Credential) {
	if c.Deadline.IsZero() {
		return
	}
	sum, minute := maphash.String(d.seed, c.ID), c.Deadline.Add(longDelay).Unix()/60
	if !d.known[sum] {
		d.known[sum] = true
		d.minutes[minute] = append(d.minutes[minute], sum)
	}
}

func (d *dropped) has(id string) bool { return d.known[maphash.String(d.seed, id)] }

func (d *dropped) pass(now time.Time) {
	minute := now.Unix() / 60
	if minute == d.passed {
		return
	}
	d.passed = minute
	for at, sums := range d.minutes {
		if at < minute {
			for _, sum := range sums {
				delete(d.known, sum)
			}
			delete(d.minutes, at)
		}
	}
}
