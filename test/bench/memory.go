//go:build unix

package main

import "time"

// settleTime is what a plugin process gets after a reload to come to rest.
const settleTime = time.Second

// memory measures the plugin process with ever more live leases, each time
// after reloads, which make it start from what is stored.
func (b *bench) memory() error {
	return b.onStage(inMemory, 0, cannedDouble, func(s *stage) error {
		path, live := ours+"/creds/"+password, 0
		for _, leases := range b.plan.leases {
			if more := leases - live; more > 0 {
				if _, _, err := s.caller.leases(path, more); err != nil {
					return err
				}
				live = leases
			}
			f := memoryFigures{leases: leases}
			var err error
			if f.before, err = b.resident(s, product); err != nil {
				return err
			}
			for range b.plan.reloads {
				if err := s.caller.write("sys/plugins/reload/backend", map[string]any{"plugin": product}); err != nil {
					return err
				}
				// The same work for every number of leases. Static reads make
				// no lease.
				if _, err := drive(16, 200, func(int) error { _, err := s.caller.read(ours + "/static-creds/" + shared); return err }); err != nil {
					return err
				}
				time.Sleep(settleTime)
				mib, err := b.resident(s, product)
				if err != nil {
					return err
				}
				f.after = append(f.after, mib)
			}
			b.figures.memory = append(b.figures.memory, f)
		}
		return nil
	})
}

func (b *bench) resident(s *stage, plugin string) (float64, error) {
	pid, err := s.vault.pluginPID(plugin)
	if err != nil {
		return 0, err
	}
	return residentMiB(pid)
}
