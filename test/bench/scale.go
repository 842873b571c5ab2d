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
	// perReference is a mount of the reference engine.
	perReference estimate
	// Medians, in milliseconds, with that many roles.
	list, status, config       float64
	idle, idleRoles, idleMount float64
}

func roleName(i int) string { return fmt.Sprintf("r%05d", i) }

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
	own := func(mount string) error {
		if err := s.caller.write(mount+"/config", s.config(0)); err != nil {
			return err
		}
		return s.caller.write(mount+"/roles/"+password, role)
	}
	if f.perMount, err = b.mountKiB(s, mounted{product, ours, "/creds/", own}); err != nil {
		return err
	}
	if f.idleMount, err = b.idleSeconds(s); err != nil {
		return err
	}
	settings, err := mountTheirs(s.caller, s.vault, s.upstream)
	if err != nil {
		return err
	}
	reference := func(mount string) error { return s.caller.write(mount+"/settings", settings) }
	f.perReference, err = b.mountKiB(s, mounted{engines, theirs, "/reference/", reference})
	return err
}

// mounted is an engine, its mount that is there already, the path that issues, and what makes
// another mount ready.
type mounted struct {
	plugin, mount, issues string
	ready                 func(mount string) error
}

// mountKiB is how much more memory the plugin has for each of many mounts that have been read.
func (b *bench) mountKiB(s *stage, m mounted) (estimate, error) {
	const reads = 20
	count := b.plan.mounts
	name := func(i int) string { return fmt.Sprintf("%s-%03d", m.mount, i) }
	work := func(of func(i int) string) func() error {
		return func() error {
			_, err := drive(1, reads*count, func(i int) error { _, err := s.caller.read(of(i/reads) + m.issues + password); return err })
			return err
		}
	}
	one, err := b.residentAfter(s, m.plugin, work(func(int) string { return m.mount }))
	if err != nil {
		return estimate{}, err
	}
	for i := range count {
		if err := s.vault.api.Sys().Mount(name(i), &api.MountInput{Type: m.plugin}); err != nil {
			return estimate{}, err
		}
		if err := m.ready(name(i)); err != nil {
			return estimate{}, err
		}
	}
	all, err := b.residentAfter(s, m.plugin, work(name))
	return eachOf(count, one, all), err
}

// eachKiB is how much more memory the plugin has after the work with many, for each of them.
func (b *bench) eachKiB(s *stage, many int, withOne, withMany func() error) (estimate, error) {
	one, err := b.residentAfter(s, product, withOne)
	if err != nil {
		return estimate{}, err
	}
	all, err := b.residentAfter(s, product, withMany)
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
func (b *bench) residentAfter(s *stage, plugin string, work func() error) ([]float64, error) {
	var values []float64
	for range b.plan.reloads {
		if err := s.caller.write("sys/plugins/reload/backend", map[string]any{"plugin": plugin}); err != nil {
			return nil, err
		}
		if err := work(); err != nil {
			return nil, err
		}
		time.Sleep(settleTime)
		mib, err := b.resident(s, plugin)
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
