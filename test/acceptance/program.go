//go:build unix

package acceptance

import (
	"errors"
	"io"
	"os"
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

// Children returns the process ids of the program's children whose command line
// holds name.
func (p *Program) Children(name string) ([]int, error) {
	return childrenOf(p.process.cmd.Process.Pid, name)
}

// CopyExecutable copies a program to a path that is not taken yet.
func CopyExecutable(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
