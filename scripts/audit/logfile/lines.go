package logfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// longest is the length of a line that is still read. An answer of path-help has a million bytes.
const longest = 32 << 20

// Standard is the name of standard input.
const Standard = "-"

// lineReader reads the lines of one file.
type lineReader struct {
	name   string
	reader *bufio.Reader
	close  func() error
	number int // of the line read last, from 1
	long   []byte
}

// openLines opens a file that may be compressed; its content says so.
func openLines(name string, standard io.Reader) (*lineReader, error) {
	if name == Standard {
		return newLineReader("standard input", standard, func() error { return nil })
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	lines, err := newLineReader(name, file, file.Close)
	if err != nil {
		_ = file.Close()
	}
	return lines, err
}

func newLineReader(name string, from io.Reader, closer func() error) (*lineReader, error) {
	l := &lineReader{name: name, reader: bufio.NewReaderSize(from, 128<<10), close: closer}
	magic, err := l.reader.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(l.reader)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		l.reader = bufio.NewReaderSize(unpacked, 128<<10)
	}
	return l, nil
}

// errTooLong is a line that is passed over.
var errTooLong = errors.New("the line is longer than 32 MiB")

// next is the next line that is not empty, valid until the next call; io.EOF after the last.
func (l *lineReader) next() ([]byte, error) {
	for {
		line, err := l.read()
		l.number++
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil // an error comes again at the next call
		}
		if err != nil {
			return nil, err
		}
	}
}

func (l *lineReader) read() ([]byte, error) {
	line, err := l.reader.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	l.long = append(l.long[:0], line...)
	tooLong := false
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.reader.ReadSlice('\n')
		if tooLong = tooLong || len(l.long)+len(line) > longest; !tooLong {
			l.long = append(l.long, line...)
		}
	}
	if tooLong {
		l.long = nil
		return nil, errTooLong
	}
	return l.long, err
}

// Parse reads one line. What it cannot read is an error without the line's text, which holds what
// Vault's log holds.
func Parse(line []byte) (Record, error) {
	// What a device's prefix or a syslog daemon has put before the entry is left out.
	begin := bytes.IndexByte(line, '{')
	if begin > 0 && line[0] >= '0' && line[0] <= '9' {
		if parsed := parseText(string(line)); parsed != nil {
			return recordAt(parsed.Time, Record{Line: parsed})
		}
	}
	if begin < 0 {
		if parsed := parseText(string(line)); parsed != nil {
			return recordAt(parsed.Time, Record{Line: parsed})
		}
		return Record{}, errors.New("it is neither an audit entry nor a line of a server's log")
	}
	line = line[begin:]
	if bytes.Contains(line, []byte(`"@message":`)) {
		var parsed ServerLine
		if err := decode(line, &parsed); err != nil {
			return Record{}, errors.New("a line of a server's log that is not whole JSON")
		}
		if parsed.Time != "" {
			return recordAt(parsed.Time, Record{Line: &parsed})
		}
	}
	var entry Entry
	if err := decode(line, &entry); err != nil {
		return Record{}, errors.New("an entry that is not whole JSON")
	}
	return recordAt(entry.Time, Record{Entry: &entry})
}

// decode reads JSON. A field of another kind than expected is left out.
func decode(line []byte, into any) error {
	err := json.Unmarshal(line, into)
	if other := (*json.UnmarshalTypeError)(nil); errors.As(err, &other) {
		return nil
	}
	return err
}

func recordAt(text string, record Record) (Record, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return Record{}, errors.New("an entry without a time")
	}
	record.Time = at
	return record, nil
}

// timeOf finds the time of a line without reading all of it; zero where it finds none. Vault writes
// the time of an entry behind everything that requests have brought.
func timeOf(line []byte) time.Time {
	for _, key := range []string{`"time":"`, `"@timestamp":"`} {
		if at := bytes.LastIndex(line, []byte(key)); at >= 0 {
			text, _, _ := bytes.Cut(line[at+len(key):], []byte{'"'})
			if found, err := time.Parse(time.RFC3339Nano, string(text)); err == nil {
				return found
			}
		}
	}
	text, _, _ := strings.Cut(string(line[:min(len(line), 40)]), " ")
	found, _ := time.Parse(time.RFC3339Nano, zoned(text))
	return found
}
