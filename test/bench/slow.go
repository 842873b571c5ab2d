//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// slowFigures are the longest times of some operations while something at ProcessMaker is slow.
type slowFigures struct {
	what  string
	took  []time.Duration // in the order of slowOperations
	calls int
}

// slowOperations are what is timed, by the heads of the table.
var slowOperations = []string{"read of static-creds", "renewal, extend", "read of a PAT", "login", "revocation of a PAT", "revocation of a login's token"}

// slowThings are what takes long in turn, and the reads that wait for it.
var slowThings = []struct {
	name string
	on   processmakertest.Endpoint
	load string
}{
	{"nothing", "", ""},
	{"lists of tokens", processmakertest.ListTokens, "/status/" + personal + "?unmanaged=true"},
	{"creation of PATs", processmakertest.CreateToken, "/creds/" + personal},
	{"logins", processmakertest.PasswordGrant, "/creds/" + password},
}

// slowReaders are how many wait for the slow thing all the time.
const slowReaders = 20

// slow measures what one slow endpoint of ProcessMaker does to what does not need it.
func (b *bench) slow() error {
	return b.onStage(inMemory, 0, nil, func(s *stage) error {
		for _, thing := range slowThings {
			f, err := b.whileSlow(s, thing.name, thing.on, thing.load)
			if err != nil {
				return fmt.Errorf("%s: %w", thing.name, err)
			}
			b.figures.slow = append(b.figures.slow, f)
		}
		return nil
	})
}

func (b *bench) whileSlow(s *stage, name string, on processmakertest.Endpoint, load string) (slowFigures, error) {
	f := slowFigures{what: name, took: make([]time.Duration, len(slowOperations)), calls: b.plan.slowCalls}
	operations, err := s.slowOperations(f.calls)
	if err != nil {
		return f, err
	}
	if on != "" {
		var ordered struct {
			ID int `json:"id"`
		}
		order, err := json.Marshal(processmakertest.FaultOrder{Effect: "delay", On: on, Times: -1, Duration: b.plan.slowTime.String()})
		if err != nil {
			return f, err
		}
		if err := s.upstream.control(http.MethodPost, "/_test/faults", order, &ordered); err != nil {
			return f, err
		}
		stop := s.keepReading(ours + load)
		defer stop()
		defer func() {
			_ = s.upstream.control(http.MethodDelete, fmt.Sprintf("/_test/faults/%d", ordered.ID), nil, &struct{}{})
		}()
		time.Sleep(b.plan.slowTime / 10)
	}
	var all sync.WaitGroup
	failed := make([]error, len(operations))
	for i, operation := range operations {
		all.Go(func() {
			p, err := drive(1, f.calls, operation)
			failed[i] = err
			if err == nil {
				latencies := sortedLatencies([]pass{p})
				f.took[i] = latencies[len(latencies)-1]
			}
		})
	}
	all.Wait()
	for i, err := range failed {
		if err != nil {
			return f, fmt.Errorf("%s: %w", slowOperations[i], err)
		}
	}
	return f, nil
}

// slowOperations prepares what is timed, so often.
func (s *stage) slowOperations(times int) ([]func(i int) error, error) {
	read := func(path string) func(int) error {
		return func(int) error { _, err := s.caller.read(ours + path); return err }
	}
	if err := read("/static-creds/" + shared)(0); err != nil {
		return nil, err
	}
	extended, err := s.caller.lease(ours + "/creds/" + extending)
	if err != nil {
		return nil, err
	}
	revocations := map[string]func(i int) error{}
	for _, role := range []string{personal, password} {
		leases := make([]string, times)
		for i := range leases {
			if leases[i], err = s.caller.lease(ours + "/creds/" + role); err != nil {
				return nil, err
			}
		}
		revocations[role] = func(i int) error { return s.caller.revoke(leases[i]) }
	}
	return []func(i int) error{
		read("/static-creds/" + shared),
		func(int) error { return s.caller.renew(extended, 7200) },
		read("/creds/" + personal),
		read("/creds/" + password),
		revocations[personal],
		revocations[password],
	}, nil
}

// keepReading reads a path from several connections until it is stopped, whatever comes of it.
func (s *stage) keepReading(path string) (stop func()) {
	var all sync.WaitGroup
	ended := make(chan struct{})
	for range slowReaders {
		all.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					_, _ = s.caller.do(http.MethodGet, path, nil)
				}
			}
		})
	}
	return func() {
		close(ended)
		all.Wait()
	}
}

// control sends the double an order.
func (u *upstream) control(method, path string, body []byte, into any) error {
	req, err := http.NewRequest(method, u.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := u.client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the ProcessMaker double answers %s to %s %s", answer.Status, method, strings.TrimPrefix(path, "/"))
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
