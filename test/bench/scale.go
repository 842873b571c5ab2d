//go:build unix

package main

import (
	"fmt"
	"time"

	"github.com/hashicorp/vault/api"
)

// scaleFigures are those of many roles, or of many mounts. Each is KiB of the plugin process for one
// of them, idle the processor time in a minute without a request.
type scaleFigures struct {
	roles, mounts     int
	perRole, perMount estimate
	// Medians, in milliseconds, with that many roles.
	list, status, config       float64
	idle, idleRoles, idleMount float64
}

func roleName(i int) string  { return fmt.Sprintf("r%05d", i) }
func mountName(i int) string { return fmt.Sprintf("%s-%03d", ours, i) }

// scale measures what roles and mounts cost by themselves.
func (b *bench) scale() error {
	f := &scaleFigures{roles: b.plan.roles, mounts: b.plan.mounts}
	err := b.onStage(inMemory, 0, cannedDouble, func(s *stage) error {
		var err error
		if f.idle, err = b.idleSeconds(s); err != nil {
			return err
		}
		return b.manyRoles(s, f)
	})
	if err == nil {
		err = b.onStage(inMemory, 0, cannedDouble, func(s *stage) error { return b.manyMounts(s, f) })
	}
	b.figures.scale = f
	return err
}

func (b *bench) manyRoles(s *stage, f *scaleFigures) error {
	role, err := s.loginOf("alice")
	if err != nil {
		return err
	}
	if _, err := drive(16, f.roles, func(i int) error { return s.caller.write(ours+"/roles/"+roleName(i), role) }); err != nil {
		return err
	}
	// The same work with one role and with all of them: what differs is what the plugin holds.
	work := func(of func(i int) string) func() error {
		return func() error {
			_, err := drive(16, f.roles, func(i int) error { _, err := s.caller.read(ours + "/creds/" + of(i)); return err })
			return err
		}
	}
	if f.perRole, err = b.eachKiB(s, f.roles, work(func(int) string { return roleName(0) }), work(roleName)); err != nil {
		return err
	}
	if f.idleRoles, err = b.idleSeconds(s); err != nil {
		return err
	}
	for into, call := range map[*float64]func() error{
		&f.list:   func() error { _, err := s.caller.do("LIST", ours+"/roles", nil); return err },
		&f.status: func() error { _, err := s.caller.do("GET", ours+"/status", nil); return err },
		&f.config: func() error { return s.caller.write(ours+"/config", map[string]any{"request_timeout": "15s"}) },
	} {
		p, err := drive(1, b.plan.scaleCalls, func(int) error { return call() })
		if err != nil {
			return err
		}
		*into = percentile(sortedLatencies([]pass{p}), 0.5).Seconds() * 1000
	}
	return nil
}

func (b *bench) manyMounts(s *stage, f *scaleFigures) error {
	role, err := s.loginOf("alice")
	if err != nil {
		return err
	}
	const reads = 20
	work := func(of func(i int) string) func() error {
		return func() error {
			_, err := drive(1, reads*f.mounts, func(i int) error { _, err := s.caller.read(of(i/reads) + "/creds/" + password); return err })
			return err
		}
	}
	one, err := b.residentAfter(s, work(func(int) string { return ours }))
	if err != nil {
		return err
	}
	for i := range f.mounts {
		if err := s.vault.api.Sys().Mount(mountName(i), &api.MountInput{Type: product}); err != nil {
			return err
		}
		if err := s.caller.write(mountName(i)+"/config", s.config(0)); err != nil {
			return err
		}
		if err := s.caller.write(mountName(i)+"/roles/"+password, role); err != nil {
			return err
		}
	}
	all, err := b.residentAfter(s, work(mountName))
	if err != nil {
		return err
	}
	f.perMount = eachOf(f.mounts, one, all)
	f.idleMount, err = b.idleSeconds(s)
	return err
}

// eachKiB is how much more memory the plugin has after the work with many, for each of them.
func (b *bench) eachKiB(s *stage, many int, withOne, withMany func() error) (estimate, error) {
	one, err := b.residentAfter(s, withOne)
	if err != nil {
		return estimate{}, err
	}
	all, err := b.residentAfter(s, withMany)
	return eachOf(many, one, all), err
}

func eachOf(many int, one, all []float64) estimate {
	base := estimateOf(one).Median
	each := make([]float64, len(all))
	for i, mib := range all {
		each[i] = (mib - base) * 1024 / float64(many)
	}
	return estimateOf(each)
}

// residentAfter is the memory of plugins that have just started and done some work.
func (b *bench) residentAfter(s *stage, work func() error) ([]float64, error) {
	var values []float64
	for range b.plan.reloads {
		if err := s.caller.write("sys/plugins/reload/backend", map[string]any{"plugin": product}); err != nil {
			return nil, err
		}
		if err := work(); err != nil {
			return nil, err
		}
		time.Sleep(settleTime)
		mib, err := b.resident(s)
		if err != nil {
			return nil, err
		}
		values = append(values, mib)
	}
	return values, nil
}

// idleSeconds is the processor time of the plugin, for a minute without a request.
func (b *bench) idleSeconds(s *stage) (float64, error) {
	pid, err := s.vault.pluginPID(product)
	if err != nil {
		return 0, err
	}
	before, err := cpuSeconds(pid)
	if err != nil {
		return 0, err
	}
	time.Sleep(b.plan.idle)
	after, err := cpuSeconds(pid)
	return (after - before) * float64(time.Minute) / float64(max(b.plan.idle, 1)), err
}
