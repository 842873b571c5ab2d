//go:build unix && !linux

package acceptance

import "syscall"

// processAttributes puts the server into a process group of its own, which its
// plugins join, so that all of them can be ended together.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
