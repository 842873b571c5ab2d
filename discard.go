package main

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

const (
	// storageTimeout bounds one write that is made on its own time because
	// the request's may be over.
	storageTimeout = 5 * time.Second
	// cleanupTimeout bounds the ending of a token that cannot be kept.
	cleanupTimeout = 10 * time.Second
)

// putRecord stores on its own time: once a token exists, a caller who goes away
// must not keep it from being known.
func (b *backend) putRecord(storage logical.Storage, record *ledger.Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	return ledger.Put(ctx, storage, record)
}

// stillServes tells whether the mount is still configured as it was when s were
// its settings. A config that was taken away while a login was under way did not
// count its token. What the login made is stored before this is asked.
func (b *backend) stillServes(storage logical.Storage, s *settings) bool {
	if b.settings.current.Load() == s {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	current, err := b.settings.load(ctx, storage, b.clock)
	if err != nil {
		// The credential is stored and can be ended as long as the config is.
		return true
	}
	return current != nil && current.config.URL == s.config.URL && (!current.config.Deleted || s.config.Deleted)
}

// endUnrecorded ends a token that could not be stored. If that fails too, the
// token lives on unknown, and only the log can tell.
func (b *backend) endUnrecorded(s *settings, token client.Token, role string) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if err := s.client.RevokeToken(ctx, token); err != nil {
		b.notice(hclog.Error, ledgerUnaccounted, about{role: role}, "a token could neither be stored nor ended; end it at ProcessMaker by hand",
			"url", s.config.URL, "user_id", token.UserID, "token_id", token.ID, "error", err)
	}
}

// noteLostAnswer counts a token call whose answer was lost: if it made a token,
// that lives on, and nobody holds it.
func (b *backend) noteLostAnswer(role string, err error) {
	if client.AnswerLost(err) {
		b.notice(hclog.Warn, ledgerUnaccounted, about{role: role}, "the answer to a token call was lost; a token that nobody holds may live at ProcessMaker", "error", err)
	}
}

// takeBack ends a credential that is stored but was not handed out. Where it
// cannot be ended now, its record remains and ends it at its deadline.
func (b *backend) takeBack(storage logical.Storage, record *ledger.Record, token client.Token, s *settings) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	err := s.client.RevokeToken(ctx, token)
	if err == nil {
		err = ledger.Delete(ctx, storage, record.ID)
	}
	if err != nil {
		b.log(hclog.Warn, aboutRecord(record), "a credential that was not handed out could not be ended at once", "error", err)
	}
}

// endOrRecord ends a token that nobody is to have. One whose end cannot be
// confirmed gets a record of its own that is due at once.
func (b *backend) endOrRecord(ctx context.Context, storage logical.Storage, s *settings, token client.Token, role string, fingerprint ledger.Fingerprint) error {
	failed := s.client.RevokeToken(ctx, token)
	if failed == nil {
		return nil
	}
	record, err := b.recordAsDue(storage, token, role, fingerprint)
	if err != nil {
		b.notice(hclog.Error, ledgerUnaccounted, about{role: role}, "a token could neither be ended nor recorded; end it at ProcessMaker by hand",
			"url", fingerprint.URL, "user_id", token.UserID, "token_id", token.ID, "error", failed)
		return err
	}
	b.notice(hclog.Warn, ledgerDue, aboutRecord(record), "a token could not be ended at once and was put down as due", "token_id", token.ID, "error", failed)
	return nil
}

// endDue ends a token that was put down as due, and then its record.
func (b *backend) endDue(ctx context.Context, storage logical.Storage, s *settings, record *ledger.Record) {
	err := s.client.RevokeToken(ctx, heldToken(record))
	if err == nil {
		err = ledger.Delete(ctx, storage, record.ID)
	}
	if err != nil {
		b.notice(hclog.Warn, ledgerDue, aboutRecord(record), "a token could not be ended at once and was put down as due", "token_id", record.TokenID, "error", err)
	}
}

// recordAsDue gives a token a record that is due at once.
func (b *backend) recordAsDue(storage logical.Storage, token client.Token, role string, fingerprint ledger.Fingerprint) (*ledger.Record, error) {
	record, err := b.unleasedRecord(ledger.Due, 0, role, fingerprint)
	if err != nil {
		return nil, err
	}
	hold(record, &client.Grant{Access: token})
	return record, b.putRecord(storage, record)
}

// unleasedRecord begins the record of a token that no lease is for.
func (b *backend) unleasedRecord(state ledger.State, life time.Duration, role string, fingerprint ledger.Fingerprint) (*ledger.Record, error) {
	now := b.clock.Now()
	deadline := now.Add(life)
	id, err := ledger.NewID(deadline, b.random)
	if err != nil {
		return nil, err
	}
	return &ledger.Record{
		Version:     ledger.RecordVersion,
		ID:          id,
		State:       state,
		Role:        role,
		Fingerprint: fingerprint,
		RenewMode:   string(lease.None),
		IssueTime:   now,
		Deadline:    deadline,
	}, nil
}
