package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of an answer.
type row struct {
	at time.Time
	// cells are the values of a table's columns.
	cells []string
	// object is the same and more in JSON.
	object any
}

// rows takes the rows of an answer and writes them.
type rows interface {
	columns(names ...string)
	add(row)
	// empty tells that no row was added.
	empty() bool
	flush() error
}

// mostHeld is how many rows are sorted by time before the first is written. A longer answer is written
// as it is found, so that it is never held as a whole.
const mostHeld = 10000

// written is the answer, as a table or as JSON.
type written struct {
	json   bool
	out    *bufio.Writer
	table  *tabwriter.Writer
	header []string
	held   []row
	lines  int
	spilt  bool
	some   bool
}

func newRows(asJSON bool, output io.Writer) rows {
	w := &written{json: asJSON, out: bufio.NewWriter(output)}
	w.table = tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	return w
}

func (w *written) columns(names ...string) { w.header = names }

func (w *written) empty() bool { return !w.some }

func (w *written) add(r row) {
	w.some = true
	if w.spilt {
		w.write(r)
		return
	}
	if w.held = append(w.held, r); len(w.held) > mostHeld {
		w.spilt = true
		w.release()
	}
}

func (w *written) release() {
	slices.SortStableFunc(w.held, func(a, b row) int {
		return cmp.Or(a.at.Compare(b.at), slices.Compare(a.cells, b.cells))
	})
	for _, r := range w.held {
		w.write(r)
	}
	w.held = nil
}

// block is how many lines of a table are laid out together.
const block = 1000

func (w *written) write(r row) {
	if w.json {
		// Only texts, times, numbers and lists of them: nothing that cannot be written.
		text, _ := json.Marshal(r.object)
		_, _ = w.out.Write(append(text, '\n'))
		return
	}
	if w.lines%block == 0 {
		_ = w.table.Flush()
		w.line(w.header)
	}
	w.lines++
	w.line(r.cells)
}

func (w *written) line(cells []string) {
	shown := make([]string, len(cells))
	for i, cell := range cells {
		shown[i] = printable(cmp.Or(cell, "-"))
	}
	_, _ = w.table.Write([]byte(strings.TrimRight(strings.Join(shown, "\t"), "\t") + "\n"))
}

// printable leaves out what a log could do to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}, text)
}

func (w *written) flush() error {
	w.release()
	if err := w.table.Flush(); err != nil {
		return err
	}
	return w.out.Flush()
}
