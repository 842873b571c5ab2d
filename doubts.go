package main

import (
	"errors"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// doubts are the credentials whose token may have died in a failed refresh. A
// doubtful token is not answered again before ProcessMaker was asked about it.
// The record says so too, but when storing is what failed, only memory can.
type doubts struct {
	mu  sync.Mutex
	ids map[ledger.ID]struct{}
}

func (d *doubts) about(record *ledger.Record) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, doubtful := d.ids[record.ID]
	return doubtful || record.Doubtful
}

func (d *doubts) settle(id ledger.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.ids, id)
}

func (d *doubts) raise(id ledger.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ids == nil {
		d.ids = map[ledger.ID]struct{}{}
	}
	d.ids[id] = struct{}{}
}

// doubt remembers that the record's token may be dead, unless another node has
// given the record another one.
func (b *backend) doubt(storage logical.Storage, record *ledger.Record) {
	b.doubts.raise(record.ID)
	if record.Doubtful {
		return
	}
	if errors.Is(b.recordOvertaken(storage, record), errOvertaken) {
		return
	}
	marked := *record
	marked.Doubtful = true
	if err := b.putRecord(storage, &marked); err != nil {
		b.log(hclog.Warn, aboutRecord(record), "the doubt about a token is remembered in memory alone", "error", err)
	}
}
