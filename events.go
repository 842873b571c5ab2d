package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const (
	// eventPrefix begins the type of every event of this engine.
	eventPrefix  = "processmaker/"
	eventTimeout = 5 * time.Second
)

// event is one of Vault's event notifications. It holds no secret.
type event struct {
	// path is below the mount: Vault puts the mount before it.
	kind, path, role, id string
	modified             bool
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

// emit tells of something beside the request that did it: a reader does not wait
// for those who watch. No goroutine runs while nothing waits. Each event is an
// exchange with the host, as dear as storing a credential, so nobody is told who
// cannot listen.
func (b *backend) emit(e event) {
	b.events.AskOnce(b.hostHasEvents)
	if !b.events.Add(e) {
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
		batch := b.events.Take()
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
		b.events.Settle(err, errors.Is(err, framework.ErrNoEvents))
		if err != nil && b.lifetime.Err() != nil {
			// The end of the mount does not wait for a host that hangs.
			b.events.GiveUp()
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
