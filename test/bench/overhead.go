//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"
)

// overheadFigures are milliseconds: the bare call's median, what a read through Vault takes more, and
// what Vault takes for a lease of an engine that does nothing.
type overheadFigures struct {
	storage, name string
	server        time.Duration
	bare, more    estimate
	leased        estimate
}

// own is what the bound is for. With raft the disk's sync of Vault's own lease is not the engine's.
func (o overheadFigures) own() float64 {
	if o.storage == raft {
		return o.more.Median - o.leased.Median
	}
	return o.more.Median
}

// realServer is what a token takes on a real server (docs/grants.md).
var realServer = []struct {
	role string
	name string
	took time.Duration
}{
	{password, ourPassword, 160 * time.Millisecond},
	{personal, ourPersonal, 23 * time.Millisecond},
}

// overhead measures what a read takes beyond the bare call of a server that takes its time. A round
// is a turn of each, in another order each time.
func (b *bench) overhead() error {
	for _, storage := range b.plan.storages {
		for _, one := range realServer {
			f := overheadFigures{storage: storage, name: one.name, server: one.took}
			double := append([]string{"-grant-delay", one.took.String()}, cannedDouble...)
			err := b.onStage(storage, 0, double, func(s *stage) error {
				bare, err := s.bareCall(one.role)
				if err != nil {
					return err
				}
				if _, err := mountTheirs(s.caller, s.vault, s.upstream); err != nil {
					return err
				}
				var bares, mores, leases []float64
				for round := range b.plan.overheadRounds + 1 {
					var medians [3]float64
					calls := [3]func() error{
						bare,
						func() error { _, err := s.caller.read(ours + "/creds/" + one.role); return err },
						func() error { _, err := s.caller.read(theirs + "/leased/" + one.role); return err },
					}
					for turn := range calls {
						which := (round + turn) % 3
						p, err := drive(1, b.plan.overheadReads, func(int) error { return calls[which]() })
						if err != nil {
							return err
						}
						medians[which] = percentile(sortedLatencies([]pass{p}), 0.5).Seconds() * 1000
					}
					if round == 0 {
						continue // it opens the connections
					}
					bares, mores = append(bares, medians[0]), append(mores, medians[1]-medians[0])
					leases = append(leases, medians[2])
				}
				f.bare, f.more, f.leased = estimateOf(bares), estimateOf(mores), estimateOf(leases)
				return nil
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(b.log, "    %s, %s: %.2f ms more than %.2f, do-nothing leased engine %.2f\n", storage, one.name, f.more.Median, f.bare.Median, f.leased.Median)
			b.figures.overhead = append(b.figures.overhead, f)
		}
	}
	return nil
}

// bareCall makes a token of the role's kind without Vault.
func (s *stage) bareCall(role string) (func() error, error) {
	form, err := grantForm(s.upstream)
	if err != nil {
		return nil, err
	}
	path, kind, body := "/oauth/token", "application/x-www-form-urlencoded", form
	if role == personal {
		path, kind, body = "/api/1.0/users/2/tokens", "application/json", `{"name":"vault:00000000:personal:0sh5ijea8q1ntjvefoshnl"}`
	}
	return func() error {
		answer, err := s.upstream.client.Post(s.upstream.URL+path, kind, bytes.NewReader([]byte(body)))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode/100 != http.StatusOK/100 {
			return fmt.Errorf("the ProcessMaker double answers %s: %w", answer.Status, err)
		}
		return nil
	}, nil
}
