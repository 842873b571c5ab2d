package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// moveAndReplace stores next in place of previous. If that moves the mount to
// another instance, the sessions are ended before: only the old settings know
// the way to where they live. One that cannot be ended is put down in the
// ledger, which keeps the url.
func (b *backend) moveAndReplace(ctx context.Context, storage logical.Storage, previous, next *settings) error {
	if previous == nil || previous.config.URL == next.config.URL {
		return b.settings.replace(ctx, storage, b.clock, previous, next, nil)
	}
	defer b.inflight.Join()()
	if err := b.refuseToMove(ctx, storage, previous.config.URL); err != nil {
		return err
	}
	// Sessions that could not be ended now would keep the url, and be lost for
	// nothing: somebody may have to sign in to have them again.
	if err := b.refuseToLeave(ctx, storage, previous.config.URL); err != nil && previous.client.Probe(ctx) != nil {
		return err
	}
	b.endSessions(ctx, storage, previous)
	return b.settings.replace(ctx, storage, b.clock, previous, next, func() error {
		if err := b.refuseToLeave(ctx, storage, previous.config.URL); err != nil {
			return err
		}
		return b.refuseToMove(ctx, storage, previous.config.URL)
	})
}

func (b *backend) refuseToLeave(ctx context.Context, storage logical.Storage, oldURL string) error {
	sessions, err := storage.List(ctx, sessionPrefix)
	if err != nil || len(sessions) == 0 {
		return err
	}
	return &refusal{
		text: fmt.Sprintf("url cannot change while sessions of %s live (roles %s)", oldURL, strings.Join(sessions, ", ")),
		cure: "End them with \"vault delete <mount>/sessions/<role>\"",
	}
}

func (b *backend) refuseToMove(ctx context.Context, storage logical.Storage, oldURL string) error {
	live, err := ledger.All(ctx, storage)
	if err != nil || len(live) == 0 {
		return err
	}
	return &refusal{
		text: fmt.Sprintf("url cannot change while %d credentials of %s live", len(live), oldURL),
		cure: "End them with \"vault write -f <mount>/tidy all=true\", or enable another mount for the other instance",
	}
}
