//go:build unix

package acceptance

import (
	"bytes"
	"os"
)

// LogTail returns the last lines of the server's log.
func (s *Server) LogTail(lines int) string {
	log, err := os.ReadFile(s.LogPath)
	if err != nil {
		return err.Error()
	}
	split := bytes.Split(bytes.TrimRight(log, "\n"), []byte("\n"))
	return string(bytes.Join(split[max(0, len(split)-lines):], []byte("\n")))
}

// Accidents returns the lines of the log that say that the plugin or the
// server hit a data race or a panic, caught or not.
func (s *Server) Accidents() ([]string, error) {
	log, err := os.ReadFile(s.LogPath)
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range bytes.Lines(log) {
		for _, sign := range []string{"DATA RACE", "panic", "fatal error: ", "goroutine stack exceeds"} {
			if bytes.Contains(line, []byte(sign)) {
				found = append(found, string(bytes.TrimSpace(line)))
			}
		}
	}
	return found, nil
}
