package logfile

import (
	"bufio"
	"bytes"
	"cmp"
	"io"
	"os"
	"slices"
	"time"
)

const defaultChunk = 64 << 20

// sort makes sources of a file that is in no order: its relevant lines, a chunk at a time.
func (l *Logs) sort(name string, counts *Counts) (parts []*source, err error) {
	lines, err := openLines(name, l.Standard)
	if err != nil {
		return nil, err
	}
	defer lines.close() //nolint:errcheck // it was read only
	var held []timed
	size := 0
	for {
		line, err := l.next(lines, counts)
		if err != nil {
			break
		}
		held = append(held, timed{timeOf(line), bytes.Clone(line)})
		if size += len(line) + 64; size >= cmp.Or(l.Chunk, defaultChunk) {
			part, err := spill(held, lines.name)
			if err != nil {
				return parts, err
			}
			parts, held, size = append(parts, part), nil, 0
		}
	}
	sortByTime(held)
	return append(parts, inMemory(held, lines.name)), nil
}

type timed struct {
	at   time.Time
	line []byte
}

func sortByTime(lines []timed) {
	slices.SortStableFunc(lines, func(a, b timed) int { return a.at.Compare(b.at) })
}

// inMemory is a source of what is left.
func inMemory(held []timed, name string) *source {
	s := &source{name: name + " (sorted)", sorted: true, drop: func() {}}
	if len(held) > 0 {
		s.first = held[0].at
	}
	s.open = func() (*lineReader, error) {
		return newLineReader(s.name, &joined{left: held}, func() error { return nil })
	}
	return s
}

// joined reads lines one after another.
type joined struct {
	left []timed
	rest []byte
}

func (j *joined) Read(into []byte) (int, error) {
	if len(j.rest) == 0 {
		if len(j.left) == 0 {
			return 0, io.EOF
		}
		j.rest = append(j.left[0].line, '\n')
		j.left[0].line = nil
		j.left = j.left[1:]
	}
	n := copy(into, j.rest)
	j.rest = j.rest[n:]
	return n, nil
}

// spill writes lines to a temporary file that only this user may read, in the order of time. Where
// the system allows it the file has no name any more when this returns.
func spill(held []timed, name string) (*source, error) {
	sortByTime(held)
	file, err := os.CreateTemp("", "processmaker-audit-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name())
	s := &source{name: name + " (sorted)", first: held[0].at, sorted: true}
	s.drop = func() {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
	s.open = func() (*lineReader, error) {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return newLineReader(s.name, file, func() error { return nil })
	}
	out := bufio.NewWriter(file)
	for _, one := range held {
		_, _ = out.Write(one.line)
		_ = out.WriteByte('\n') // an error stays with the writer until Flush
	}
	if err := out.Flush(); err != nil {
		s.drop()
		return nil, err
	}
	return s, nil
}
