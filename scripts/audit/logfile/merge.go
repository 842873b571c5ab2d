package logfile

import (
	"cmp"
	"container/heap"
	"fmt"
	"io"
	"slices"
	"time"
)

// Logs are the files to read.
type Logs struct {
	Names []string
	// Standard is what the name "-" stands for.
	Standard io.Reader
	// Relevant tells quickly whether a line can matter; what cannot is counted and not parsed.
	Relevant func(line []byte) bool
	// Chunk is how much of a file in no order is sorted in memory at a time; 0 for 64 MiB.
	Chunk int
}

// Counts is what was read.
type Counts struct {
	Lines, Server, Bad int
	// Examples are the first bad lines: where, and what is wrong.
	Examples    []string
	First, Last time.Time
	// Sorted are the files that were not in the order of time.
	Sorted []string
}

const examples = 3

func (c *Counts) bad(where string, number int, why error) {
	c.Bad++
	if len(c.Examples) < examples {
		c.Examples = append(c.Examples, fmt.Sprintf("%s, line %d: %v", where, number, why))
	}
}

// Each calls do with every relevant record of all files in the order of time.
//
// Each file is read to its end in one pass by a reader of its own, and the readers are merged by
// time, so that the order of the files does not matter: nodes, rotated files and the server's log may
// be named as they come. A reader is opened when its first line's time has come and closed at its
// end, so that of a node's rotated files one is open at a time. That needs readers that are in the
// order of time: a quick pass finds the files that are not, and those and standard input, which
// cannot be read twice, are sorted by way of temporary files. Within a file two lines may be up to
// slack out of order: Vault takes an entry's time before it waits for its turn to write.
func (l *Logs) Each(do func(Record)) (*Counts, error) {
	counts := &Counts{}
	var waiting []*source
	defer func() {
		for _, s := range waiting {
			s.drop()
		}
	}()
	for _, name := range l.Names {
		found, err := l.sources(name, counts)
		waiting = append(waiting, found...)
		if err != nil {
			return nil, err
		}
	}
	for i, s := range waiting {
		s.order = i
	}
	slices.SortStableFunc(waiting, func(a, b *source) int { return a.first.Compare(b.first) })
	return counts, l.merge(waiting, counts, do)
}

func (l *Logs) merge(waiting []*source, counts *Counts, do func(Record)) error {
	var open heads
	for {
		// The next to open may begin before the earliest record of those that are open.
		for len(waiting) > 0 && (len(open) == 0 || !waiting[0].first.After(open[0].record.Time)) {
			s := waiting[0]
			waiting = waiting[1:]
			if more, err := s.start(l, counts); err != nil {
				return err
			} else if more {
				heap.Push(&open, s)
			}
		}
		if len(open) == 0 {
			return nil
		}
		s := open[0]
		do(s.record)
		more, err := s.advance(l, counts)
		if err != nil {
			return err
		}
		if more {
			heap.Fix(&open, 0)
		} else {
			heap.Pop(&open)
		}
	}
}

// heads are the open sources, the one with the earliest record first; of two the one named first.
type heads []*source

func (h heads) Len() int      { return len(h) }
func (h heads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h heads) Less(i, j int) bool {
	return cmp.Or(h[i].record.Time.Compare(h[j].record.Time), cmp.Compare(h[i].order, h[j].order)) < 0
}
func (h *heads) Push(s any) { *h = append(*h, s.(*source)) }
func (h *heads) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
