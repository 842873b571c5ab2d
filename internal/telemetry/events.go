package telemetry

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

const (
	// eventPrefix begins the type of every event of this engine.
	eventPrefix  = "processmaker/"
	eventTimeout = 5 * time.Second
)

// Host is what a Reporter asks of Vault.
type Host interface {
	logical.EventSender
	// PluginEnv tells the edition of Vault.
	PluginEnv(ctx context.Context) (*logical.PluginEnvironment, error)
}

// event is one of Vault's event notifications. It holds no secret.
type event struct {
	// path is below the mount: Vault puts the mount before it.
	kind, path, role, id string
	modified             bool
}

// hostListens tells whether the host has subscribers. Since Vault 1.16 event notifications are
// there in Enterprise alone; the other editions take events and give them to nobody.
func (r *Reporter) hostListens() bool {
	ctx, cancel := context.WithTimeout(context.Background(), eventTimeout)
	defer cancel()
	env, err := r.host.PluginEnv(ctx)
	if err != nil || env == nil || env.VaultVersion == "" {
		return true
	}
	return strings.Contains(env.VaultVersionMetadata, "ent") || strings.Contains(env.VaultVersion, "+ent")
}

// emit sends an event beside the request that caused it: a reader does not wait for subscribers. An
// event costs an exchange with the host, like storing a credential: none goes where nobody listens.
func (r *Reporter) emit(e event) {
	r.events.askOnce(r.hostListens)
	if r.events.add(e) {
		r.background.Go("events", r.sendPending)
	}
}

func (r *Reporter) sendPending() {
	for {
		batch := r.events.take()
		if len(batch) == 0 {
			return
		}
		for _, e := range batch {
			r.send(e)
		}
	}
}

func (r *Reporter) send(e event) {
	err := ErrPanicked
	defer func() {
		r.Recovered(recover(), "event")
		switch {
		case err == nil:
		case errors.Is(err, r.errNoEvents), r.background.Lifetime().Err() != nil:
			// The end of the mount does not wait for a host that hangs.
			r.events.silence()
		default:
			r.events.drop()
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
	err = logical.SendEvent(ctx, r.host, eventPrefix+e.kind, metadata...)
}

// mostPending bounds the events that wait for a slow host.
const mostPending = 1024

// queue holds events for one sender, and counts what it cannot hold. The zero value is ready.
type queue struct {
	mu      sync.Mutex
	pending []event
	sending bool
	// asked: the edition of the host was looked at.
	asked atomic.Bool
	// silent: the host has no subscribers.
	silent  bool
	dropped int64
}

// add takes an event in and tells whether the caller has to start a sender.
func (q *queue) add(e event) (start bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.silent:
		return false
	case len(q.pending) >= mostPending:
		q.dropped++
		return false
	}
	q.pending = append(q.pending, e)
	start = !q.sending
	q.sending = true
	return start
}

// take returns the pending events; without any, the sender has to end.
func (q *queue) take() []event {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.pending
	q.pending = nil
	q.sending = len(taken) > 0
	return taken
}

func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped++
}

// silence drops the pending events and takes no more: nobody misses them.
func (q *queue) silence() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.silent, q.pending, q.dropped = true, nil, 0
}

// askOnce finds out with the first call whether the host has subscribers at all.
func (q *queue) askOnce(listens func() bool) {
	if q.asked.CompareAndSwap(false, true) && !listens() {
		q.silence()
	}
}

func (q *queue) count() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
