package logfile

import (
	"errors"
	"io"
	"os"
	"time"
)

// slack is how much earlier than a line before it a line of a file in order may be.
const slack = time.Second

// source is a sequence of lines in the order of time: a file, or a part of one that was sorted.
type source struct {
	name  string
	first time.Time
	order int
	// sorted: the lines were counted and chosen when they were sorted.
	sorted bool
	lines  *lineReader
	record Record
	open   func() (*lineReader, error)
	drop   func()
}

// sources are those of a file.
func (l *Logs) sources(name string, counts *Counts) ([]*source, error) {
	if name != Standard {
		first, inOrder, err := order(name)
		if err != nil {
			return nil, err
		}
		if inOrder {
			open := func() (*lineReader, error) { return openLines(name, nil) }
			return []*source{{name: name, first: first, open: open, drop: func() {}}}, nil
		}
		counts.Sorted = append(counts.Sorted, name)
	}
	return l.sort(name, counts)
}

// order tells whether the lines of a file are in the order of time, and the first time.
func order(name string) (first time.Time, inOrder bool, err error) {
	lines, err := openLines(name, nil)
	if err != nil {
		return first, false, err
	}
	defer lines.close() //nolint:errcheck // it was read only
	var latest time.Time
	for {
		line, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return first, true, nil
		case errors.Is(err, errTooLong):
			continue
		case err != nil:
			// What the file holds up to there is read.
			return first, true, nil
		}
		at := timeOf(line)
		if at.IsZero() {
			continue
		}
		if first.IsZero() {
			first = at
		}
		if at.Before(latest.Add(-slack)) {
			return first, false, nil
		}
		if at.After(latest) {
			latest = at
		}
	}
}

// start opens the source and reads its first record.
func (s *source) start(l *Logs, counts *Counts) (more bool, err error) {
	if s.lines, err = s.open(); err != nil {
		return false, err
	}
	return s.advance(l, counts)
}

// advance reads the next record; at the end it closes the source.
func (s *source) advance(l *Logs, counts *Counts) (more bool, err error) {
	for {
		line, err := s.next(l, counts)
		if err != nil {
			_ = s.lines.close()
			s.drop()
			return false, nil // what cannot be read any further is counted
		}
		if s.record, err = Parse(line); err != nil {
			counts.bad(s.name, s.lines.number, err)
			continue
		}
		return true, nil
	}
}

func (s *source) next(l *Logs, counts *Counts) ([]byte, error) {
	if s.sorted {
		return s.lines.next()
	}
	return l.next(s.lines, counts)
}

// next is the next relevant line. It counts all.
func (l *Logs) next(lines *lineReader, counts *Counts) ([]byte, error) {
	for {
		line, err := lines.next()
		if errors.Is(err, errTooLong) {
			counts.Lines++
			counts.bad(lines.name, lines.number, err)
			continue
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				counts.bad(lines.name, lines.number, errors.New("the file cannot be read any further: "+reason(err)))
			}
			return nil, err
		}
		counts.Lines++
		counts.see(line)
		if l.Relevant(line) {
			return line, nil
		}
		if line[len(line)-1] != '}' && timeOf(line).IsZero() {
			counts.bad(lines.name, lines.number, errors.New("it is neither a whole audit entry nor a line of a server's log"))
		}
	}
}

// see keeps the times of the first and the last line.
func (c *Counts) see(line []byte) {
	at := timeOf(line)
	if at.IsZero() {
		return
	}
	if c.First.IsZero() || at.Before(c.First) {
		c.First = at
	}
	if at.After(c.Last) {
		c.Last = at
	}
}

func reason(err error) string {
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
