package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// dropSession ends the session of a role. auth is the auth client that it was
// made with; without it the access token is ended all the same. Only a session
// whose fingerprint matches is ended.
func (b *backend) dropSession(ctx context.Context, storage logical.Storage, name string, auth authClient, s *settings, matches func(ledger.Fingerprint) bool) error {
	unlock, err := b.sessions.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := readSession(ctx, storage, name)
	if isUnreadable(err) && matches(ledger.Fingerprint{}) {
		return b.dropUnreadableSession(ctx, storage, name, err)
	}
	if err != nil || stored == nil || !matches(stored.Fingerprint) {
		return err
	}
	if stored.LostBecause == "" && stored.Fingerprint.URL == s.config.URL {
		if err := b.endPair(storage, s, auth, name, stored); err != nil {
			return err
		}
	}
	if role, err := b.roles.load(ctx, storage, name); err == nil && role != nil {
		role.session.Store(nil)
	}
	// What is stored by now need not be what was ended.
	if err := b.sessionOvertaken(storage, name, stored); err != nil {
		return err
	}
	if err := storage.Delete(ctx, sessionPrefix+name); err != nil {
		return err
	}
	b.notice(hclog.Info, sessionEnded, aboutSession(name), "session ended", "user_id", stored.UserID)
	return nil
}

// dropUnreadableSession forgets a session whose tokens nobody can end any more.
func (b *backend) dropUnreadableSession(ctx context.Context, storage logical.Storage, name string, why error) error {
	if err := storage.Delete(ctx, sessionPrefix+name); err != nil {
		return err
	}
	if role := b.roles.cached(name); role != nil {
		role.session.Store(nil)
	}
	b.notice(hclog.Warn, ledgerUnaccounted, aboutSession(name), "a session that cannot be read was dropped; delete its tokens in ProcessMaker", "error", why)
	return nil
}

func aboutSession(role string) about { return about{path: "sessions/" + role, role: role} }

// endPair ends both tokens of a session: the refresh token cannot be revoked,
// but using it ends it together with the old access token, and the new pair is
// not kept. What cannot be ended is put down as due.
func (b *backend) endPair(storage logical.Storage, s *settings, auth authClient, role string, old *session) error {
	if old.Fingerprint.URL != s.config.URL {
		return fmt.Errorf("the session lives at %s, which this mount is not configured for", old.Fingerprint.URL)
	}
	ctx, cancel := context.WithTimeout(context.Background(), exchangesTimeout)
	defer cancel()
	last := old.token()
	grant, err := s.client.For(client.Caller{Role: role, Kept: true}).RefreshGrant(ctx, auth.forClient(), old.RefreshToken)
	if err == nil {
		last = grant.Access
		if record, err := b.recordAsDue(storage, last, role, old.Fingerprint); err == nil {
			b.endDue(ctx, storage, s, record)
			return nil
		}
	}
	b.noteLostAnswer(role, err)
	return b.endOrRecord(ctx, storage, s, last, role, old.Fingerprint)
}
