//go:build unix

package main

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// perMinute is the product's limit of token calls.
const perMinute = 60

// limitedDouble keeps the limit, and takes as long for a token call as a real
// server (140 to 180 ms).
var limitedDouble = []string{"-throttle", fmt.Sprint(perMinute), "-grant-delay", "160ms"}

// limit measures what can be had of a ProcessMaker that keeps its limit.
func (b *bench) limit() error {
	f := &limitFigures{leases: b.plan.limited, window: b.plan.limitWindow}
	for range b.plan.limitRuns {
		if err := b.onStage(inMemory, perMinute, limitedDouble, func(s *stage) error { return b.personalUnderLimit(s, f) }); err != nil {
			return err
		}
	}
	err := b.onStage(inMemory, perMinute, limitedDouble, func(s *stage) error {
		if err := b.loginsUnderLimit(s, f); err != nil {
			return err
		}
		p, err := drive(16, b.plan.staticReads(16), func(int) error { _, err := s.caller.read(ours + "/static-creds/" + shared); return err })
		f.static = p.perSecond()
		return err
	})
	b.figures.limit = f
	return err
}

func (b *bench) personalUnderLimit(s *stage, f *limitFigures) error {
	_, p, err := s.caller.leases(ours+"/creds/"+personal, b.plan.limited)
	if err != nil {
		return err
	}
	f.seconds = append(f.seconds, p.took.Seconds())
	calls, refused, err := s.tokenCalls()
	f.tokenCalls, f.throttled = max(f.tokenCalls, calls), max(f.throttled, refused)
	return err
}

// tokenCalls are the logins and refreshes that the double has seen, and how many calls it refused.
func (s *stage) tokenCalls() (calls, refused int, err error) {
	var exchanges []processmakertest.Exchange
	if err := s.upstream.ask("/_test/exchanges", &exchanges); err != nil {
		return 0, 0, err
	}
	for _, exchange := range exchanges {
		if exchange.Endpoint == processmakertest.PasswordGrant || exchange.Endpoint == processmakertest.RefreshGrant {
			calls++
		}
		if exchange.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	return calls, refused, nil
}

// loginsUnderLimit reads a password role as fast as it goes for a while. The
// static role's one login comes first, as it would in practice.
func (b *bench) loginsUnderLimit(s *stage, f *limitFigures) error {
	if _, err := s.caller.read(ours + "/static-creds/" + shared); err != nil {
		return err
	}
	const readers = 8
	var leases atomic.Int64
	end := time.Now().Add(b.plan.limitWindow)
	_, err := drive(readers, readers, func(int) error {
		for time.Now().Before(end) {
			_, err := s.caller.lease(ours + "/creds/" + password)
			var refused *errRefused
			switch {
			case err == nil:
				if time.Now().Before(end) {
					leases.Add(1)
				}
			case errors.As(err, &refused) && refused.status == http.StatusServiceUnavailable:
				time.Sleep(min(time.Second, time.Until(end)))
			default:
				return err
			}
		}
		return nil
	})
	f.logins = leases.Load()
	return err
}
