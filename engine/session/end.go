package session

import (
	"context"
	"fmt"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Whatever matches every session or static credential.
func Whatever(ledger.Fingerprint) bool { return true }

// End ends the session of a role if its fingerprint matches. auth is the auth client that the
// session was made with; with another one the access token is ended all the same.
func (m *Manager) End(ctx context.Context, name string, auth client.AuthClient, inst *instance.Instance, matches func(ledger.Fingerprint) bool) error {
	unlock, err := m.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := m.Get(ctx, name)
	if store.IsUnreadable(err) && matches(ledger.Fingerprint{}) {
		return m.dropUnreadable(ctx, name, err)
	}
	if err != nil || stored == nil || !matches(stored.Fingerprint) {
		return err
	}
	if stored.Active() && stored.Fingerprint.URL == inst.Config.URL {
		if err := m.endPair(inst, auth, name, stored); err != nil {
			return err
		}
	}
	m.Forget(name)
	if err := m.replace(name, stored, nil); err != nil {
		return err
	}
	m.Report.Happened(hclog.Info, telemetry.SessionEnded, telemetry.OfSession(name), "session ended", "user_id", stored.UserID)
	return nil
}

// dropUnreadable forgets a session whose tokens nobody can end any more.
func (m *Manager) dropUnreadable(ctx context.Context, name string, why error) error {
	if err := m.Storage.Delete(ctx, Prefix+name); err != nil {
		return err
	}
	m.Forget(name)
	m.Report.Happened(hclog.Warn, telemetry.LedgerUnaccounted, telemetry.OfSession(name), "a session that cannot be read was dropped; delete its tokens in ProcessMaker", "error", why)
	return nil
}

// EndAll ends the sessions of every role. A session that cannot be ended is logged.
func (m *Manager) EndAll(ctx context.Context, inst *instance.Instance) {
	names, err := m.Names(ctx)
	if err != nil {
		m.Report.Log(hclog.Error, telemetry.Subject{}, "the sessions could not be listed; their tokens live on at ProcessMaker", "error", err)
		return
	}
	for _, name := range names {
		if err := m.End(ctx, name, m.Roles.AuthOf(ctx, name, inst), inst, Whatever); err != nil {
			m.Report.Log(hclog.Error, telemetry.Subject{Role: name}, "a session could not be ended; end its token at ProcessMaker by hand", "url", inst.Config.URL, "error", err)
		}
	}
}

// endPair ends both tokens of a session: the refresh token cannot be revoked, but using it ends it
// and the old access token, and the new pair is not kept. A token that cannot be ended is marked
// due.
func (m *Manager) endPair(inst *instance.Instance, auth client.AuthClient, name string, old *Session) error {
	if old.Fingerprint.URL != inst.Config.URL {
		return fmt.Errorf("the session lives at %s, which this mount is not configured for", old.Fingerprint.URL)
	}
	ctx, cancel := context.WithTimeout(context.Background(), token.ExchangesTimeout)
	defer cancel()
	grant, err := inst.Client.RefreshGrant(ctx, auth, old.RefreshToken)
	if err != nil {
		m.Broker.NoteLostAnswer(name, err)
		return m.Broker.Discard(inst, old.Token(), old.facts(name))
	}
	if record, err := m.Broker.RegisterDue(grant.Access, old.facts(name)); err == nil {
		m.Broker.End(inst, record)
		return nil
	}
	return m.Broker.Discard(inst, grant.Access, old.facts(name))
}
