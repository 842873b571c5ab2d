//go:build unix

package main

import (
	"errors"
	"fmt"
)

// stage is a Vault server with the product mounted, and its ProcessMaker.
type stage struct {
	vault    *vault
	upstream *upstream
	caller   *caller
}

// onStage starts both, does the work, and ends both. The product's own limit of
// token calls is perMinute.
func (b *bench) onStage(storage string, perMinute int, double []string, work func(*stage) error) (err error) {
	u, err := startUpstream(b.tools, double...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.stop()) }()
	v, err := startVault(b.tools, b.dir, storage)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w; Vault's log ends:\n%s", err, v.logTail())
		}
		err = errors.Join(err, v.stop())
	}()
	s := &stage{vault: v, upstream: u, caller: newCaller(v)}
	if err := mountOurs(s.caller, v, u, perMinute); err != nil {
		return err
	}
	return work(s)
}

var cannedDouble = []string{"-canned"}
