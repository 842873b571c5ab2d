package acceptance

import "syscall"

// processAttributes puts the server into a process group of its own, which its
// plugins join, so that all of them can be ended together. The kernel asks the
// server to end, which ends the plugins too, when this process dies in a way
// that runs no clean-up: a panic in a goroutine, a test timeout, a kill.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
