//go:build unix

package acceptance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// PluginPIDs returns the process ids of the plugin processes this server runs.
// It reads /proc, so it works on Linux only.
func (s *Server) PluginPIDs() ([]int, error) {
	return childrenOf(s.process.cmd.Process.Pid, PluginName)
}

// childrenOf returns the process ids of the children of pid whose command line
// holds name.
func childrenOf(of int, name string) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	if len(stats) == 0 {
		return nil, errors.New("no /proc to find the plugin processes in")
	}
	var pids []int
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // ended meanwhile
		}
		pid, parent, err := parseStat(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", stat, err)
		}
		if parent != of {
			continue
		}
		command, err := os.ReadFile(filepath.Join(filepath.Dir(stat), "cmdline"))
		if err == nil && strings.Contains(string(command), name) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// parseStat takes process and parent id out of a line of /proc/<pid>/stat. The
// command's name stands between them in parentheses, and may hold any character.
func parseStat(line string) (pid, parent int, err error) {
	head, _, ok := strings.Cut(line, " (")
	tail := line[strings.LastIndex(line, ")")+1:]
	fields := strings.Fields(tail)
	if !ok || len(fields) < 2 {
		return 0, 0, errors.New("not a stat line")
	}
	if pid, err = strconv.Atoi(head); err != nil {
		return 0, 0, err
	}
	parent, err = strconv.Atoi(fields[1])
	return pid, parent, err
}

// isZombie says whether a line of /proc/<pid>/stat is that of a process that
// has ended.
func isZombie(line string) bool {
	fields := strings.Fields(line[strings.LastIndex(line, ")")+1:])
	return len(fields) > 0 && fields[0] == "Z"
}
