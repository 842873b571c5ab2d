//go:build unix

package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// companionStop is how long a companion may take to end.
const companionStop = time.Minute

// companion is a `vault agent` or `vault proxy` beside the server.
type companion struct {
	LogPath string
	process *process
}

// startCompanion starts `vault <kind>` with a configuration, and all its files
// in dir.
func (s *Server) startCompanion(kind, configuration, dir string) (*companion, error) {
	config := filepath.Join(dir, kind+".hcl")
	if err := os.WriteFile(config, []byte(configuration), 0o600); err != nil {
		return nil, err
	}
	c := &companion{LogPath: filepath.Join(dir, kind+".log")}
	log, err := os.OpenFile(c.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(s.vaultBin, kind, "-config="+config, "-log-level=debug")
	cmd.Env = cleanEnvironment("HOME=" + dir)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	if c.process, err = startProcess(cmd); err != nil {
		return nil, fmt.Errorf("cannot start vault %s: %w", kind, err)
	}
	return c, nil
}

// Stop ends it.
func (c *companion) Stop() error { return c.process.stop(companionStop) }

// logTail is the end of its log.
func (c *companion) logTail() string {
	log, err := os.ReadFile(c.LogPath)
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4000):])
}
