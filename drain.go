package main

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// drainTimeout bounds what is done while a mount is being disabled.
const drainTimeout = 80 * time.Second

// drain ends what Vault's own revocation of the leases has left: lost and shared
// credentials, and sessions. Storage goes with the mount, so what cannot be
// ended is known to the log alone.
func (b *backend) drain(ctx context.Context, storage logical.Storage) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	ids, err := ledger.All(ctx, storage)
	if err != nil {
		b.log(hclog.Error, about{}, "the ledger of a disabled mount could not be read; its tokens live on at ProcessMaker", "error", err)
	}
	b.endAll(ctx, storage, ids, newTokenFinder(), func(*ledger.Record) bool { return true })
	if current, err := b.settings.load(ctx, storage, b.clock); err == nil && current != nil {
		b.endSessions(ctx, storage, current)
	}
	// A session that could not be ended has a record by now.
	if ids, err = ledger.All(ctx, storage); err != nil {
		b.log(hclog.Error, about{}, "what is left of a disabled mount could not be read; its tokens live on at ProcessMaker", "error", err)
	}
	for _, id := range ids {
		record, err := ledger.Get(ctx, storage, id)
		switch {
		case err != nil:
			b.log(hclog.Error, about{id: id}, "a credential of a disabled mount could not be read; its token lives on at ProcessMaker", "error", err)
		case record != nil:
			b.log(hclog.Error, aboutRecord(record), "a token of a disabled mount could not be ended; end it at ProcessMaker by hand",
				"url", record.Fingerprint.URL, "user_id", record.UserID, "token_id", record.TokenID, "token_name", record.TokenName)
		}
	}
}

// endSessions ends the sessions of every role with the settings that they were
// made with.
func (b *backend) endSessions(ctx context.Context, storage logical.Storage, s *settings) {
	names, err := storage.List(ctx, sessionPrefix)
	if err != nil {
		b.log(hclog.Error, about{}, "the sessions could not be listed; their tokens live on at ProcessMaker", "error", err)
		return
	}
	for _, name := range names {
		var auth authClient
		if role, err := b.roles.load(ctx, storage, name); err == nil && role != nil {
			// A role whose auth client is gone still has a session to end.
			auth, _ = role.authClient(s)
		}
		if err := b.dropSession(ctx, storage, name, auth, s, anyFingerprint); err != nil {
			b.log(hclog.Error, about{role: name}, "a session could not be ended; end its token at ProcessMaker by hand", "url", s.config.URL, "error", err)
		}
	}
}
