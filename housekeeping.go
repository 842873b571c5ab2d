package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"
)

// housekeepingInterval is how often what is rarely needed is looked after. It
// walks what the roles have, not what was handed out.
const housekeepingInterval = time.Hour

// housekeeper does what is rarely needed. It may wait for its turn with
// ProcessMaker, which the sweep must not wait for.
type housekeeper struct {
	// running is held by the one round that may touch the rest.
	running atomic.Bool
	kept    time.Time
}

func (b *backend) wakeHousekeeper(storage logical.Storage) {
	b.beside(&b.house.running, "housekeeping", func() { b.keepHouse(b.lifetime, storage) })
}

// keepHouse ends what former roles have left, renews old sessions, forgets
// sign-ins that nobody completed, and settles changes of passwords that were cut
// off.
func (b *backend) keepHouse(ctx context.Context, storage logical.Storage) {
	now := b.clock.Now()
	if now.Sub(b.house.kept) < housekeepingInterval {
		return
	}
	b.house.kept = now
	b.failures.ForgetBefore(now.Add(-forgetFailuresAfter))
	if err := b.dropExpiredSignIns(ctx, storage); err != nil {
		b.log(hclog.Warn, about{}, "expired sign-ins could not be dropped", "error", err)
	}
	if b.WriteSafeReplicationState() { // the roles are the primary's
		if err := b.settleOpenChanges(ctx, storage); err != nil {
			b.log(hclog.Warn, about{}, "open changes of passwords could not be looked after", "error", err)
		}
	}
	for _, task := range []struct {
		prefix string
		do     func(context.Context, logical.Storage, string) error
		failed string
	}{
		{staticPrefix, b.endForgotten, "an outdated shared credential could not be ended"},
		{sessionPrefix, b.endForgotten, "an outdated session could not be ended"},
		{sessionPrefix, b.renewOldSession, "the session could not be renewed ahead of its end"},
	} {
		names, err := storage.List(ctx, task.prefix)
		if err != nil {
			b.log(hclog.Warn, about{}, "what the roles have could not be listed", "prefix", task.prefix, "error", err)
			return
		}
		for _, name := range names {
			if ctx.Err() != nil {
				return
			}
			if err := task.do(ctx, storage, name); err != nil {
				b.log(hclog.Warn, about{role: name}, task.failed, "error", err)
			}
		}
	}
}

// renewOldSession renews a session that has passed two thirds of its life. A
// chain that is never refreshed dies with its refresh token, which lives as long
// as the access token.
func (b *backend) renewOldSession(ctx context.Context, storage logical.Storage, name string) error {
	role, err := b.roles.load(ctx, storage, name)
	if err != nil || role == nil {
		return err
	}
	current, err := b.settings.load(ctx, storage, b.clock)
	if err != nil || current == nil || current.config.Deleted || role.belongsTo(current) != nil {
		return err
	}
	stored, err := readSession(ctx, storage, name)
	if err != nil || stored == nil || stored.LostBecause != "" || stored.Fingerprint.URL != current.config.URL {
		return err
	}
	life := stored.TokenExpireTime.Sub(stored.TokenReceivedAt)
	if b.clock.Now().Before(stored.TokenReceivedAt.Add(life * 2 / 3)) {
		return nil
	}
	if _, err = b.renewSession(ctx, storage, role, current, stored); errors.Is(err, errSessionOver) {
		return nil
	}
	return err
}

// endForgotten ends what a role's last write or its deletion should have ended.
func (b *backend) endForgotten(ctx context.Context, storage logical.Storage, name string) error {
	current, err := b.settings.load(ctx, storage, b.clock)
	if err != nil || current == nil {
		return err
	}
	return b.endOutdated(ctx, storage, name, current.config.AuthClient, current)
}
