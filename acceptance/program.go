//go:build unix

package acceptance

import (
	"os/exec"
)

// Program is a running command with all that it started, for those who need a
// server of another kind than Server.
type Program struct{ process *process }

// StartProgram starts the command in an environment without what would change
// how Vault or a plugin behaves, plus env.
func StartProgram(cmd *exec.Cmd, env ...string) (*Program, error) {
	cmd.Env = cleanEnvironment(env...)
	process, err := startProcess(cmd)
	if err != nil {
		return nil, err
	}
	return &Program{process}, nil
}

// Stop ends the program and all that it started in good order.
func (p *Program) Stop() error { return p.process.stop(stopTimeout) }

// PID is the program's process id.
func (p *Program) PID() int { return p.process.cmd.Process.Pid }

// Children returns the process ids of the program's children whose command line
// holds name.
func (p *Program) Children(name string) ([]int, error) { return childrenOf(p.PID(), name) }

// FreePort is a port of the loopback address that nobody listens on now.
func FreePort() (int, error) { return freePort() }

// CopyExecutable copies a program to a path that is not taken yet.
func CopyExecutable(from, to string) error { return copyExecutable(from, to) }
