//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// contestant is one way to get a token.
type contestant struct {
	name string
	call func() error
	// plugin is the process whose processor time is counted; "" if none.
	plugin string
}

// showing is what a contestant did over all rounds.
type showing struct {
	passes []pass
	// One value a round.
	rates, cpu []float64
	handshakes int64
	failed     int // turns that were made again
}

func (s *showing) calls() int {
	calls := 0
	for _, p := range s.passes {
		calls += len(p.latencies)
	}
	return calls
}

// contest measures contestants against each other, in rounds in which each has
// its turn, in another order each time.
type contest struct {
	vault    *vault
	upstream *upstream
	// Rounds are numbered through all servers.
	first, last int
	width       int
	count       int
}

// run adds to the showings.
func (c contest) run(contestants []contestant, showings map[string]*showing) error {
	for _, one := range contestants {
		if showings[one.name] == nil {
			showings[one.name] = &showing{}
		}
		// Opens the connections, here and in the plugins, and lets the processes
		// come to rest: a young one collects its garbage more often.
		if _, err := drive(c.width, max(2*c.count, 2*c.width), func(int) error { return one.call() }); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	for round := c.first; round < c.last; round++ {
		for turn := range contestants {
			one := contestants[(round+turn)%len(contestants)]
			if round%2 == 1 {
				one = contestants[(round+len(contestants)-turn)%len(contestants)]
			}
			if err := c.turnAgain(one, showings[one.name]); err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
		}
	}
	return nil
}

// turnAgain repeats a turn that fails: a disk or a processor that others hold for
// seconds makes single requests fail, and would cost the whole run. A contestant
// that fails again and again is a failure.
func (c contest) turnAgain(one contestant, s *showing) error {
	const times = 3
	var err error
	for range times {
		if err = c.turn(one, s); err == nil {
			return nil
		}
		s.failed++
	}
	return err
}

func (c contest) turn(one contestant, s *showing) error {
	before, err := c.upstream.counts()
	if err != nil {
		return err
	}
	busyBefore, err := c.busy(one)
	if err != nil {
		return err
	}
	p, err := drive(c.width, c.count, func(int) error { return one.call() })
	if err != nil {
		return err
	}
	busyAfter, err := c.busy(one)
	if err != nil {
		return err
	}
	after, err := c.upstream.counts()
	if err != nil {
		return err
	}
	s.passes = append(s.passes, p)
	s.rates = append(s.rates, p.perSecond())
	s.cpu = append(s.cpu, busyAfter-busyBefore)
	s.handshakes += after.Connections - before.Connections
	return nil
}

// busy is the processor time of the contestant's plugin.
func (c contest) busy(one contestant) (float64, error) {
	if one.plugin == "" {
		return 0, nil
	}
	pid, err := c.vault.pluginPID(one.plugin)
	if err != nil {
		return 0, err
	}
	return cpuSeconds(pid)
}

// rateRatio compares throughput round by round.
func rateRatio(a, b *showing) estimate {
	ratios := make([]float64, min(len(a.rates), len(b.rates)))
	for i := range ratios {
		ratios[i] = quotient(a.rates[i], b.rates[i])
	}
	return estimateOf(ratios)
}

// The names of the contestants.
const (
	ourPassword   = "password role"
	ourPersonal   = "PAT role"
	referenceRead = "reference engine"
	leasedRead    = "do-nothing leased engine"
	barePost      = "bare POST, no Vault"
	ourStatic     = "static-creds"
	plainRead     = "do-nothing lease-less engine"
)

func reading(c *caller, name, plugin, path string) contestant {
	return contestant{name: name, plugin: plugin, call: func() error { _, err := c.read(path); return err }}
}

// leasedContestants hand out a lease each, but for the bare POST.
func leasedContestants(c *caller, u *upstream) ([]contestant, error) {
	form, err := grantForm(u)
	if err != nil {
		return nil, err
	}
	post := func() error {
		answer, err := u.client.Post(u.URL+"/oauth/token", "application/x-www-form-urlencoded", bytes.NewReader([]byte(form)))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
			return fmt.Errorf("the ProcessMaker double answers %s: %w", answer.Status, err)
		}
		return nil
	}
	return []contestant{
		reading(c, ourPassword, product, ours+"/creds/"+password),
		reading(c, referenceRead, engines, theirs+"/reference/"+password),
		reading(c, ourPersonal, product, ours+"/creds/"+personal),
		reading(c, leasedRead, engines, theirs+"/leased/"+password),
		{name: barePost, call: post},
	}, nil
}

// leaselessContestants answer the same token to everybody.
func leaselessContestants(c *caller) []contestant {
	return []contestant{
		reading(c, ourStatic, product, ours+"/static-creds/"+shared),
		reading(c, plainRead, engines, theirs+"/plain/"+shared),
	}
}
