package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const (
	// eventPrefix begins the type of every event of this engine.
	eventPrefix = "processmaker/"
	// mostPendingEvents bounds what waits for a slow host.
	mostPendingEvents = 1024
	eventTimeout      = 5 * time.Second
	// mostRefusedEvents: a host that has refused so many, and taken none, is
	// one that knows no events.
	mostRefusedEvents = 3
)

// event is one of Vault's event notifications. It holds no secret.
type event struct {
	// path is below the mount: Vault puts the mount before it.
	kind, path, role, id string
	modified             bool
}

// eventQueue sends events beside the requests that they tell of: a reader does
// not wait for those who watch. No goroutine runs while nothing waits.
type eventQueue struct {
	mu      sync.Mutex
	pending []event
	running bool
	// silent: the host takes no events.
	silent  bool
	asked   bool // whether it does
	sent    bool
	dropped int64
}

// add takes an event in and tells whether somebody has to send it.
func (q *eventQueue) add(e event) (start bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.silent:
		return false
	case len(q.pending) >= mostPendingEvents:
		q.dropped++
		return false
	}
	q.pending = append(q.pending, e)
	start = !q.running
	q.running = true
	return start
}

// take returns what waits; nothing means that the sender has to end.
func (q *eventQueue) take() []event {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.pending
	q.pending = nil
	q.running = len(taken) > 0
	return taken
}

// settle takes down what became of one event.
func (q *eventQueue) settle(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		q.sent = true
		return
	}
	q.dropped++
	if errors.Is(err, framework.ErrNoEvents) || (!q.sent && q.dropped >= mostRefusedEvents) {
		q.fallSilent()
	}
}

func (q *eventQueue) giveUp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fallSilent()
}

func (q *eventQueue) fallSilent() { q.silent, q.pending, q.dropped = true, nil, 0 }

// ask finds out once whether anybody can subscribe to the host's events. Each
// event is an exchange with the host, as dear as storing a credential.
func (q *eventQueue) ask(haveEvents func() bool) {
	q.mu.Lock()
	asked := q.asked
	q.asked = true
	q.mu.Unlock()
	if asked || haveEvents() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fallSilent()
}

// hostHasEvents: since Vault 1.16 event notifications are there in Enterprise
// alone. The other editions take events, and give them to nobody.
func (b *backend) hostHasEvents() bool {
	ctx, cancel := context.WithTimeout(context.Background(), eventTimeout)
	defer cancel()
	env, err := b.System().PluginEnv(ctx)
	if err != nil || env == nil || env.VaultVersion == "" {
		return true // it shows with the first ones
	}
	return strings.Contains(env.VaultVersionMetadata, "ent") || strings.Contains(env.VaultVersion, "+ent")
}

// droppedSoFar counts the events that a host which takes some did not get.
func (q *eventQueue) droppedSoFar() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

func (b *backend) emit(e event) {
	b.events.ask(b.hostHasEvents)
	if !b.events.add(e) {
		return
	}
	leave := b.inflight.Join()
	go func() {
		defer leave()
		defer func() { b.caught(recover(), "events") }()
		b.sendEvents()
	}()
}

func (b *backend) sendEvents() {
	for {
		batch := b.events.take()
		if len(batch) == 0 {
			return
		}
		for _, e := range batch {
			b.sendEvent(e)
		}
	}
}

func (b *backend) sendEvent(e event) {
	err := errPanicked
	defer func() {
		b.caught(recover(), "event")
		b.events.settle(err)
		if err != nil && b.lifetime.Err() != nil {
			// The end of the mount does not wait for a host that hangs.
			b.events.giveUp()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), eventTimeout)
	defer cancel()
	metadata := []string{
		logical.EventMetadataOperation, e.kind,
		logical.EventMetadataModified, strconv.FormatBool(e.modified),
		logical.EventMetadataPath, e.path,
	}
	if e.role != "" {
		metadata = append(metadata, "role", e.role)
	}
	if e.id != "" {
		metadata = append(metadata, "credential_id", e.id)
	}
	err = logical.SendEvent(ctx, b, eventPrefix+e.kind, metadata...)
}
