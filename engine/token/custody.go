package token

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Custody: a token that exists is on the ledger, or a stored lease or session holds it, or it is
// dead. Register, Release, End and Discard are the ways between these. Each works on its own time:
// a caller that goes away must not keep a token from being known or ended.

// endTimeout bounds the ending of a token that is not to be kept.
const endTimeout = 10 * time.Second

// Register puts the token of an internal login on the ledger before anybody holds it. purpose is
// the path for which the login is made. A token that cannot be recorded is discarded.
func (b *Broker) Register(bound *role.Binding, token client.Token, purpose string) (*ledger.Record, error) {
	facts := bound.Facts(purpose)
	record, err := b.record(token, facts)
	if err != nil {
		_ = b.Discard(bound.Instance, token, facts) // the failure of record is told
	}
	return record, err
}

// RegisterDue puts a token on the ledger that is to be ended at once.
func (b *Broker) RegisterDue(token client.Token, facts ledger.Facts) (*ledger.Record, error) {
	return b.record(token, facts.Due())
}

func (b *Broker) record(token client.Token, facts ledger.Facts) (*ledger.Record, error) {
	record, err := b.Ledger.Draft(facts)
	if err != nil {
		return nil, err
	}
	record.HoldToken(token)
	if err := b.Ledger.Put(record); err != nil {
		return nil, err
	}
	return record, nil
}

// Release forgets the record of a token that is dead, or that a stored session holds. Where that
// fails the ledger ends the token at its deadline; a session renews itself then.
func (b *Broker) Release(record *ledger.Record) {
	err := store.OnOwnTime(func(ctx context.Context) error { return b.Ledger.Drop(ctx, record.ID) })
	if err != nil {
		b.Report.Log(hclog.Warn, record.Subject(), "a record could not be deleted and stays until its deadline", "error", err)
	}
}

// End ends the token of a record, and the record. Without confirmation it is marked due; ended is
// false then.
func (b *Broker) End(inst *instance.Instance, record *ledger.Record) (ended bool) {
	failed := revoke(inst, record.Token())
	if failed == nil {
		b.Release(record)
		return true
	}
	if record.State != ledger.Due {
		if err := b.Ledger.MarkDue(record); err != nil {
			b.Report.Log(hclog.Warn, record.Subject(), "a token could not be ended at once, and is ended at its deadline", "token_id", record.TokenID, "error", failed, "storage_error", err)
			return false
		}
	}
	b.Report.Happened(hclog.Warn, telemetry.LedgerDue, record.Subject(), "a token could not be ended at once and is marked due", "token_id", record.TokenID, "error", failed)
	return false
}

// Discard ends a token that is on no ledger. A token whose end is not confirmed is registered as
// due; only if that fails too it is unaccounted, which is the error.
func (b *Broker) Discard(inst *instance.Instance, token client.Token, facts ledger.Facts) error {
	failed := revoke(inst, token)
	if failed == nil {
		return nil
	}
	record, err := b.RegisterDue(token, facts)
	if err != nil {
		b.Report.Happened(hclog.Error, telemetry.LedgerUnaccounted, telemetry.Subject{Role: facts.Role}, "a token could neither be ended nor recorded; end it at ProcessMaker by hand",
			"url", facts.Fingerprint.URL, "user_id", token.UserID, "token_id", token.ID, "error", failed)
		return err
	}
	b.Report.Happened(hclog.Warn, telemetry.LedgerDue, record.Subject(), "a token could not be ended at once and is marked due", "token_id", token.ID, "error", failed)
	return nil
}

func revoke(inst *instance.Instance, token client.Token) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	return inst.Client.RevokeToken(ctx, token)
}
