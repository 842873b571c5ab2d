package token

import (
	"context"
	"fmt"
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

// EndTimeout bounds the ending of a token that is not to be kept.
const EndTimeout = 10 * time.Second

// Register puts the pair of an internal login on the ledger before anybody holds it. purpose is
// the path for which the login is made. A pair that cannot be recorded is discarded.
func (b *Broker) Register(bound *role.Binding, grant *client.Grant, purpose string) (*ledger.Record, error) {
	facts := bound.Facts(purpose)
	record, err := b.record(grant, facts)
	if err != nil {
		_ = b.Discard(bound.Instance, grant, facts) // the failure of record is told
	}
	return record, err
}

// RegisterDue puts a pair on the ledger that is to be ended at once.
func (b *Broker) RegisterDue(grant *client.Grant, facts ledger.Facts) (*ledger.Record, error) {
	return b.record(grant, facts.Due())
}

func (b *Broker) record(grant *client.Grant, facts ledger.Facts) (*ledger.Record, error) {
	record, err := b.Ledger.Draft(facts)
	if err != nil {
		return nil, err
	}
	record.Hold(grant)
	if err := b.Ledger.Put(record); err != nil {
		return nil, err
	}
	return record, nil
}

// Release forgets the record of a token that is dead, or that a stored session holds. Where that
// fails the ledger ends the token at its deadline; a session renews itself then.
func (b *Broker) Release(record *ledger.Record) {
	if err := b.drop(record); err != nil {
		b.Report.Log(hclog.Warn, record.Subject(), "a record could not be deleted and stays until its deadline", "error", err)
	}
}

func (b *Broker) drop(record *ledger.Record) error {
	return store.OnOwnTime(func(ctx context.Context) error { return b.Ledger.Drop(ctx, record.ID) })
}

// End ends the token of a record, and the record. Without confirmation it is marked due;
// ended is false then.
func (b *Broker) End(inst *instance.Instance, record *ledger.Record) (ended bool) {
	ctx, cancel := context.WithTimeout(context.Background(), EndTimeout)
	defer cancel()
	_, failed := b.Revoke(ctx, inst, record)
	return b.settle(record, failed)
}

// settle forgets a record whose token is dead, and marks it due where failed says that it may live.
func (b *Broker) settle(record *ledger.Record, failed error) (ended bool) {
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

// Discard ends a pair that is on no ledger. A token whose end is not confirmed is registered as
// due; only if that fails too it is unaccounted, which is the error.
func (b *Broker) Discard(inst *instance.Instance, grant *client.Grant, facts ledger.Facts) error {
	failed := revoke(inst, grant.Access)
	if failed == nil {
		return nil
	}
	record, err := b.RegisterDue(grant, facts)
	if err != nil {
		b.noteUnaccounted(grant.Access, facts, "a token could neither be ended nor recorded; end it at ProcessMaker by hand", failed)
		return err
	}
	b.Report.Happened(hclog.Warn, telemetry.LedgerDue, record.Subject(), "a token could not be ended at once and is marked due", "token_id", grant.Access.ID, "error", failed)
	return nil
}

// noteUnaccounted counts a token that may live and that nothing here knows from now on.
func (b *Broker) noteUnaccounted(token client.Token, facts ledger.Facts, message string, why error) {
	b.Report.Happened(hclog.Error, telemetry.LedgerUnaccounted, telemetry.Subject{Role: facts.Role}, message,
		"url", facts.Fingerprint.URL, "user_id", token.UserID, "token_id", token.ID, "error", why)
}

// Revoke ends the token of a record, by its own authority or by using up its refresh token. It tells
// whether the token lived until then, as far as is known.
func (b *Broker) Revoke(ctx context.Context, inst *instance.Instance, record *ledger.Record) (lived bool, err error) {
	lived, failed := inst.Client.EndToken(ctx, record.Token())
	if client.KindOf(failed) != client.TwinRefused || record.RefreshToken == "" {
		return lived, failed
	}
	auth, known := b.authOf(ctx, inst, record)
	if !known {
		return false, fmt.Errorf("%w; its refresh token would end it, and needs the secret of auth client %q, which neither the role nor the config has", failed, record.Fingerprint.ClientID)
	}
	return true, b.useUpTwin(inst, auth, record)
}

func revoke(inst *instance.Instance, token client.Token) error {
	ctx, cancel := context.WithTimeout(context.Background(), EndTimeout)
	defer cancel()
	return inst.Client.RevokeToken(ctx, token)
}
