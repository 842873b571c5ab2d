//go:build unix

package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a running command with all that it started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the command has ended
	err  error         // how it ended, to be read after done
}

// startProcess starts the command in a process group of its own.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = processAttributes()
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel's signal on our death is tied to the thread that started
		// the process, so that thread stays until the process has ended.
		runtime.LockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// signal sends a signal to the command alone.
func (p *process) signal(sig os.Signal) {
	_ = p.cmd.Process.Signal(sig)
}

// killGroup ends the command and all that it started, at once.
func (p *process) killGroup() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
}

// stop asks the command to end, and ends it when it takes longer than grace.
// Nothing of its process group is left afterwards.
func (p *process) stop(grace time.Duration) error {
	p.signal(syscall.SIGTERM)
	var late error
	select {
	case <-p.done:
	case <-time.After(grace):
		late = fmt.Errorf("process %d did not end within %s of SIGTERM", p.cmd.Process.Pid, grace)
	}
	p.killGroup()
	<-p.done
	return late
}
