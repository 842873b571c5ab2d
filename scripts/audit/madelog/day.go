package madelog

import (
	"fmt"
	"time"
)

// Day writes as many entries as a busy server writes in a day, and the lines of its server's log: jobs
// that log in, read, and end their lease, their token or nothing; people who wrap; consumers that
// renew; and what others do with the same server. It returns how many entries it wrote.
func (l *Log) Day(entries int, day time.Duration) int {
	jobs := entries / 22
	step := day / time.Duration(max(jobs, 1))
	start := l.Now
	var waiting []ending
	for i := 0; l.lines() < entries; i++ {
		if at := start.Add(time.Duration(i) * step); at.After(l.Now) {
			l.Now = at
		}
		for len(waiting) > 0 && waiting[0].at.Before(l.Now) {
			l.Ended(waiting[0].c, waiting[0].by, "lease")
			waiting = waiting[1:]
		}
		if left := l.job(i); left != nil {
			waiting = append(waiting, *left)
		}
	}
	return l.lines()
}

// lines are two for each exchange.
func (l *Log) lines() int { return 2 * l.exchanges }

// ending is a credential that nobody ends.
type ending struct {
	at time.Time
	c  Credential
	by Token
}

const (
	roles  = 200
	people = 500
)

// job is one job of the day.
func (l *Log) job(i int) *ending {
	role, user := fmt.Sprintf("role%d", i%roles), fmt.Sprintf("user%d", i%roles)
	by := l.Login("approle", fmt.Sprintf("job%d", i%people))
	for range 4 { // other engines of the same server
		l.Do(Exchange{By: by, Operation: "read", Path: fmt.Sprintf("kv/data/app%d", i%1000), Answer: map[string]any{"data": "x", "version": 3}})
	}
	if i%10 == 0 {
		c := l.ReadWrapped(by, role, user, 24*time.Hour)
		l.Unwrap(by, c)
		l.Ended(c, by, "lease")
		l.Revoke(by, "revoke/"+c.LeaseID, false)
		return nil
	}
	c := l.Read(by, role, user, 24*time.Hour)
	for n := range i % 6 {
		l.Renew(by, c, fmt.Sprintf("%s-%d", c.TokenID, n))
	}
	switch i % 7 {
	case 0, 1:
		l.Revoke(by, "revoke/"+c.LeaseID, true)
		l.Ended(c, by, "lease")
	case 2:
		l.Revoke(by, "revoke-prefix/"+c.LeaseID, false)
	case 3, 4:
		l.Do(Exchange{By: by, Operation: "update", Path: "auth/token/revoke-self"})
	default:
		return &ending{l.Now.Add(time.Hour), c, by}
	}
	return nil
}
