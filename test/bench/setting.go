//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// setting is where and how a run was made.
type setting struct {
	begin                 time.Time
	processor             string
	vault                 string
	loadBefore, loadAfter string
	took                  time.Duration
}

func newSetting(vaultBin string) setting {
	s := setting{begin: time.Now(), loadBefore: loadAverage(), processor: "unknown processor"}
	if version, err := exec.Command(vaultBin, "version").Output(); err == nil {
		name, _, _ := strings.Cut(string(version), " (")
		s.vault, _, _ = strings.Cut(name, ",")
	}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for lines := bufio.NewScanner(bytes.NewReader(info)); lines.Scan(); {
			if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
				s.processor = strings.TrimSpace(value)
				break
			}
		}
	}
	return s
}

func (s *setting) finish(took time.Duration) { s.took, s.loadAfter = took, loadAverage() }

func (s *setting) String() string {
	return fmt.Sprintf("%s, %s, %d cores of %s, linux/%s; %s in all; load average before %s, after %s",
		s.vault, runtime.Version(), runtime.NumCPU(), s.processor, runtime.GOARCH, s.took.Round(time.Second), s.loadBefore, s.loadAfter)
}

// loadAverage is that of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
