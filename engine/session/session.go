// Package session keeps the roles' own sign-ins, which are never handed out. It owns the keys below
// "session/" and "authorize/", the locks of sessions and of refresh tokens being imported, and the
// sessions in memory. It may import engine/token and what that may import.
package session

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

const (
	// Prefix is where the sessions are stored, under the names of their roles.
	Prefix  = "session/"
	version = 1
)

// Keys are the keys of this package.
var Keys = []store.Key{
	{Prefix: Prefix, SealWrap: true, Local: true},
	{Prefix: SignInPrefix, SealWrap: true, Local: true},
}

func NameOf(name string) store.Name {
	return store.Name{Key: Prefix + name, What: fmt.Sprintf("the stored session of role %q", name), Cure: fmt.Sprintf("delete it with \"vault delete %ssessions/%s\", and its tokens in ProcessMaker", problem.Mount, name)}
}

// Session is the stored form of a role's own pair of tokens, which is never handed out.
type Session struct {
	Version     int                `json:"version"`
	Fingerprint ledger.Fingerprint `json:"fingerprint"`

	ledger.Held
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`

	CreatedTime     time.Time `json:"created_time"`
	LastRefreshTime time.Time `json:"last_refresh_time"`

	// LostBecause says why somebody has to sign in; empty while the session can be used.
	LostBecause string `json:"lost_because"`
}

func (s *Session) CurrentVersion() int { return version }
func (s *Session) Usable() bool {
	return s.Fingerprint.URL != "" && (s.LostBecause != "" || (s.AccessToken != "" && s.TokenID != ""))
}

// Active tells whether the session has its tokens.
func (s *Session) Active() bool { return s.LostBecause == "" }

// State is how answers name what Active tells.
func (s *Session) State() string {
	if s.Active() {
		return "active"
	}
	return "needs_sign_in"
}

// States are the states of all sessions by role, "unreadable" for those that cannot be read.
func (m *Manager) States(ctx context.Context) (map[string]string, error) {
	names, err := m.Names(ctx)
	if err != nil {
		return nil, err
	}
	states := make(map[string]string, len(names))
	for _, name := range names {
		stored := m.mirrors.Known(name)
		if stored == nil {
			if stored, err = m.Get(ctx, name); err != nil && !store.IsUnreadable(err) {
				return nil, err
			}
		}
		states[name] = "unreadable"
		if stored != nil {
			states[name] = stored.State()
		}
	}
	return states, nil
}

// Token is the access token that the session holds.
func (s *Session) Token() client.Token { return s.TokenOf(s.AccessToken) }

func (s *Session) pair() *client.Grant {
	return &client.Grant{Access: s.Token(), Refresh: s.RefreshToken}
}

// Hold puts the tokens of grant into the session in place of those it held.
func (s *Session) Hold(grant *client.Grant) {
	s.Take(grant.Access)
	s.AccessToken, s.RefreshToken = grant.Access.Value, grant.Refresh
	s.LastRefreshTime = grant.Access.ReceivedAt
	s.LostBecause = ""
}

// lost is the session without its tokens.
func (s Session) lost(why string) *Session {
	s.TokenID, s.TokenType, s.AccessToken, s.RefreshToken = "", "", "", ""
	s.LostBecause = why
	return &s
}

func (s *Session) facts(name string) ledger.Facts {
	return ledger.Facts{Record: ledger.Record{Role: name, Fingerprint: s.Fingerprint, Held: ledger.Held{Username: s.Username}}}
}

func (s *Session) isAged(now time.Time) bool {
	life := s.TokenExpireTime.Sub(s.TokenReceivedAt)
	return !now.Before(s.TokenReceivedAt.Add(life * 2 / 3))
}

// Get returns a role's session, or nil. Its errors are the storage's own and store.Unreadable.
func (m *Manager) Get(ctx context.Context, name string) (*Session, error) {
	stored, err := store.Get[Session](ctx, m.Storage, NameOf(name))
	if err == nil {
		m.tellHealth(name, stored)
	}
	return stored, err
}

// tellHealth keeps what the metrics show of a session: they read no storage.
func (m *Manager) tellHealth(name string, s *Session) {
	if s == nil {
		m.Report.Health.NoSession(name)
		return
	}
	m.Report.Health.Session(name, s.Active(), s.TokenExpireTime)
}

// Names lists the roles that have a session, sorted.
func (m *Manager) Names(ctx context.Context) ([]string, error) { return m.Storage.List(ctx, Prefix) }

// replace stores next in place of known on its own time; nil stands for none.
func (m *Manager) replace(name string, known, next *Session) error {
	err := store.OnOwnTime(func(ctx context.Context) error {
		return store.Replace(ctx, m.Storage, NameOf(name), known, next)
	})
	if err == nil {
		m.tellHealth(name, next)
	}
	return err
}

func (m *Manager) mirror(bound *role.Binding) *Session {
	if known := m.mirrors.Known(bound.Name); known != nil && known.Fingerprint == bound.Fingerprint && known.Active() {
		return known
	}
	return nil
}

func (m *Manager) lock(ctx context.Context, name string) (unlock func(), err error) {
	unlock, err = m.sessions.Lock(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("gave up waiting for the role's session: %w", err)
	}
	return unlock, nil
}

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

// EndAll ends the sessions of every role, a few at a time. A session that cannot be ended is logged.
func (m *Manager) EndAll(ctx context.Context, inst *instance.Instance) {
	names, err := m.Names(ctx)
	if err != nil {
		m.Report.Log(hclog.Error, telemetry.Subject{}, "the sessions could not be listed to end them", "error", err)
		return
	}
	var group errgroup.Group
	group.SetLimit(endWidth)
	for _, name := range names {
		group.Go(func() error {
			defer func() { m.Report.Recovered(recover(), "ending a session") }()
			if err := m.End(ctx, name, m.Roles.AuthOf(ctx, name, inst), inst, Whatever); err != nil {
				m.Report.Log(hclog.Warn, telemetry.Subject{Role: name}, "a session could not be ended", "url", inst.Config.URL, "error", err)
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return none
}

// endWidth bounds the sessions that are ended at a time.
const endWidth = 8

// Leftovers logs each session of a disabled mount, whose storage goes: the log alone knows it then.
func (m *Manager) Leftovers(ctx context.Context) {
	names, err := m.Names(ctx)
	if err != nil {
		m.Report.Log(hclog.Error, telemetry.Subject{}, "the sessions of a disabled mount could not be listed; their tokens live on at ProcessMaker", "error", err)
	}
	for i, name := range names {
		stored, err := m.Get(ctx, name)
		switch {
		case ctx.Err() != nil:
			m.Report.Log(hclog.Error, telemetry.Subject{}, "the time did not suffice to log all sessions that a disabled mount leaves; their tokens live on at ProcessMaker", "not_logged", len(names)-i)
			return
		case err != nil:
			m.Report.Log(hclog.Error, telemetry.OfSession(name), "a session of a disabled mount could not be read; its token lives on at ProcessMaker", "error", err)
		case stored != nil && stored.Active():
			m.Report.Log(hclog.Error, telemetry.OfSession(name), "a session of a disabled mount could not be ended; end its token at ProcessMaker by hand",
				"url", stored.Fingerprint.URL, "user_id", stored.UserID, "token_id", stored.TokenID)
		}
	}
}

// NamesAt lists the roles whose session lives at url, or cannot be read.
func (m *Manager) NamesAt(ctx context.Context, url string) (there []string, err error) {
	names, err := m.Names(ctx)
	for _, name := range names {
		stored, failed := m.Get(ctx, name)
		if failed != nil && !store.IsUnreadable(failed) {
			return nil, failed
		}
		if failed != nil || (stored != nil && stored.Fingerprint.URL == url) {
			there = append(there, name)
		}
	}
	return there, err
}

// endPair ends both tokens of a session: the refresh token cannot be revoked, but using it ends it
// and the old access token, and the new pair is not kept. A token that may live is marked due.
func (m *Manager) endPair(inst *instance.Instance, auth client.AuthClient, name string, old *Session) error {
	if old.Fingerprint.URL != inst.Config.URL {
		return fmt.Errorf("the session lives at %s, which this mount is not configured for", old.Fingerprint.URL)
	}
	if err := m.Broker.UseUp(inst, auth, old.RefreshToken, old.facts(name)); err != nil {
		return m.Broker.Discard(inst, old.pair(), old.facts(name))
	}
	return nil
}
