//go:build unix

package main

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"
)

// stormRoles are whose leases expire together, in equal parts.
var stormRoles = []string{password, extending, personal}

// storm lets many leases of all kinds expire in the same second.
func (b *bench) storm() error {
	return b.onStage(inMemory, 0, cannedDouble, func(s *stage) error {
		// Twice as long as the reads are likely to take. The leases of the trial
		// stay.
		_, trial, err := s.caller.leases(ours+"/creds/"+shared, max(b.plan.storm/50, 1))
		if err != nil {
			return err
		}
		before, err := s.upstream.counts()
		if err != nil {
			return err
		}
		until := time.Now().Add(b.plan.stormLead + time.Duration(2*float64(b.plan.storm)/trial.perSecond()*float64(time.Second)))
		_, err = drive(16, b.plan.storm, func(i int) error {
			left := int(math.Ceil(time.Until(until).Seconds()))
			if left < 1 {
				return errors.New("the leases expire before all of them are there")
			}
			_, err := s.caller.lease(fmt.Sprintf("%s/creds/%s?ttl=%d", ours, stormRoles[i%len(stormRoles)], left))
			return err
		})
		if err != nil {
			return err
		}
		f, err := b.watchStorm(s, until, before.Revocations)
		b.figures.storm = f
		return err
	})
}

// stormTimeout is far longer than a storm takes.
const stormTimeout = 5 * time.Minute

func (b *bench) watchStorm(s *stage, until time.Time, before int64) (*stormFigures, error) {
	f := &stormFigures{leases: b.plan.storm}
	for {
		counts, err := s.upstream.counts()
		if err != nil {
			return nil, err
		}
		f.revoked, f.mostAtOnce = counts.Revocations-before, counts.MostRevoking
		if f.revoked >= int64(b.plan.storm) {
			f.took = time.Since(until)
			break
		}
		if time.Since(until) > stormTimeout {
			return nil, fmt.Errorf("%d of %d leases were revoked within %s of their end", f.revoked, b.plan.storm, stormTimeout)
		}
		time.Sleep(20 * time.Millisecond)
	}
	irrevocable, err := s.vault.api.Logical().ReadWithData("sys/leases/count", map[string][]string{"type": {"irrevocable"}, "include_child_namespaces": {"false"}})
	if err != nil {
		return nil, err
	}
	f.irrevocable = fmt.Sprint(irrevocable.Data["lease_count"])
	f.gone, err = s.leasesGone()
	return f, err
}

// leasesGone waits until no lease of the storm is left: a revocation may go on at the other side.
func (s *stage) leasesGone() (bool, error) {
	left := slices.Clone(stormRoles)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		_, err := s.caller.do("LIST", "sys/leases/lookup/"+ours+"/creds/"+left[0]+"/", nil)
		var refused *errRefused
		switch {
		case err == nil:
		case !errors.As(err, &refused) || refused.status != http.StatusNotFound:
			return false, err
		default:
			if left = left[1:]; len(left) == 0 {
				return true, nil
			}
		}
	}
	return false, nil
}
