package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/keylock"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Manager keeps the sessions of the roles of a mount.
type Manager struct {
	*token.Broker
	// sessions locks the sessions of roles, imports the refresh tokens that are being imported.
	sessions, imports *keylock.Locks
	signIns           openSignIns
	// mirrors are the stored sessions in memory, by role.
	mirrors store.Cache[Session]
}

// NewManager reads nothing.
func NewManager(tokens *token.Broker) *Manager {
	return &Manager{Broker: tokens, sessions: keylock.New(), imports: keylock.New()}
}

// LocksInUse says how many locks are held or waited for.
func (m *Manager) LocksInUse() int { return m.sessions.InUse() + m.imports.InUse() }

// Forget makes the next use of a role's session read storage again.
func (m *Manager) Forget(name string) { m.mirrors.Forget(name) }

// ErrOver: the session as the caller knew it was deleted or lost.
var ErrOver = problem.Conflictf("the session was deleted or replaced by another request at the same time; try again")

// Do runs an exchange with the session's token. A refused token is renewed; a session that is over
// is asked for anew. A refusal that a renewal does not mend is remembered by the role's gate.
func (m *Manager) Do(ctx context.Context, bound *role.Binding, exchange func(*Session) error) error {
	current, err := m.Usable(ctx, bound)
	if err != nil {
		return err
	}
	if rejected := bound.Gate.Rejected(m.Clock.Now()); rejected != nil {
		return rejected
	}
	err = exchange(current)
	if client.KindOf(err) != client.TokenRefused {
		return err
	}
	renewed, err := m.Renew(ctx, bound, current)
	if errors.Is(err, ErrOver) {
		renewed, err = m.Usable(ctx, bound)
	}
	if err != nil {
		return err
	}
	err = exchange(renewed)
	if client.KindOf(err) == client.TokenRefused {
		// ProcessMaker goes on refreshing for a deleted user, so each read would cost a token call.
		why := "the user is deleted"
		if renewed.Token().Twin() {
			why += fmt.Sprintf(", or it is because user and auth client have the same number, %s", renewed.UserID)
		}
		err = &problem.Error{
			Kind: problem.Refused,
			Text: fmt.Sprintf("ProcessMaker renewed the session of user %q and refuses its token all the same: %s", renewed.Username, why),
			Cure: "Restore the user in ProcessMaker, or give the role another one or another auth client",
			Err:  err,
		}
		bound.Gate.Reject(err, m.Clock.Now())
	}
	return err
}

// Usable returns the role's session and starts one where there is none.
func (m *Manager) Usable(ctx context.Context, bound *role.Binding) (*Session, error) {
	if known := m.mirror(bound); known != nil {
		return known, nil
	}
	unlock, err := m.lock(ctx, bound.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if known := m.mirror(bound); known != nil {
		return known, nil
	}
	stored, err := m.Get(ctx, bound.Name)
	if err != nil {
		return nil, err
	}
	own := stored != nil && stored.Fingerprint == bound.Fingerprint
	switch {
	case own && stored.Active():
		m.mirrors.Keep(bound.Name, stored)
		return stored, nil
	case bound.GrantType == role.GrantTypePassword:
		return m.start(ctx, bound, stored)
	case own:
		return nil, needsSignIn(bound, stored.LostBecause)
	default:
		return nil, needsSignIn(bound, "")
	}
}

// needsSignIn is the answer where only a person, or an imported refresh token, can begin a session.
func needsSignIn(bound *role.Binding, why string) error {
	text := "it has no session"
	if why != "" {
		text = "its session is lost (" + why + ")"
	}
	if bound.GrantType == role.GrantTypeRefreshToken {
		return problem.Refuse(text, fmt.Sprintf("Import a refresh token with \"vault write %ssessions/%s refresh_token=-\"", problem.Mount, bound.Name))
	}
	return problem.Refuse(text, fmt.Sprintf("Sign in with \"vault write -f %sauthorize/%s\", open the authorization_url, then \"vault write %ssessions/%s code=<code> state=<state>\"", problem.Mount, bound.Name, problem.Mount, bound.Name))
}

// start signs in with the role's password. The caller holds the session's lock.
func (m *Manager) start(ctx context.Context, bound *role.Binding, old *Session) (*Session, error) {
	grant, err := m.Broker.Login(ctx, bound.Kept())
	if err != nil {
		return nil, err
	}
	started := m.draft(bound, grant)
	started.Username = bound.Username
	if err := m.adopt(bound, started, old); err != nil {
		_ = m.Broker.Discard(bound.Instance, grant, started.facts(bound.Name)) // the failure of adopt is told
		return nil, err
	}
	return started, nil
}

func (m *Manager) draft(bound *role.Binding, grant *client.Grant) *Session {
	drafted := &Session{Version: version, Fingerprint: bound.Fingerprint, CreatedTime: m.Clock.Now()}
	drafted.Hold(grant)
	return drafted
}

// adopt stores a new session before it is used, and ends the old one after that. The old one is
// registered as due first: storing the new one forgets it, and the plugin may be killed right
// after. Where adopt fails, the caller ends the new pair. The caller holds the session's lock.
func (m *Manager) adopt(bound *role.Binding, started, old *Session) error {
	if err := m.Roles.StillBound(bound); err != nil {
		return err
	}
	remains, err := m.registerOld(bound, old)
	if err != nil {
		return err
	}
	if err := m.replace(bound.Name, old, started); err != nil {
		// The old session's record stays: without its access token the session is refreshed.
		return err
	}
	if !m.Instances.StillServes(bound.Instance) {
		return m.withdraw(bound.Name, started)
	}
	bound.Gate.Accept()
	m.mirrors.Keep(bound.Name, started)
	m.Report.Happened(hclog.Info, telemetry.SessionStarted, telemetry.OfSession(bound.Name), "session started", "user_id", started.UserID, "token_id", started.TokenID)
	if old == nil || !old.Active() {
		return nil
	}
	if err := m.endPair(bound.Instance, bound.Auth, bound.Name, old); err != nil {
		m.Report.Log(hclog.Warn, telemetry.OfSession(bound.Name), "the role's old session could not be ended at once", "token_id", old.TokenID, "error", err)
	} else if remains != nil {
		m.Broker.Release(remains)
	}
	return nil
}

// registerOld puts the token of a session that is being replaced on the ledger if it lives here.
func (m *Manager) registerOld(bound *role.Binding, old *Session) (*ledger.Record, error) {
	if old == nil || !old.Active() || old.Fingerprint.URL != bound.Config.URL {
		return nil, nil
	}
	return m.Broker.RegisterDue(old.pair(), old.facts(bound.Name))
}

// ErrInstanceGone: the config was deleted or moved while a session began.
var ErrInstanceGone = problem.Conflictf("the config was taken away or moved by another request at the same time; the new session is not kept")

// withdraw forgets a session that began while the config was deleted: nobody knows the way to it.
func (m *Manager) withdraw(name string, started *Session) error {
	if err := m.replace(name, started, nil); err != nil {
		m.Report.Log(hclog.Warn, telemetry.OfSession(name), "a session that began while the config was taken away could not be forgotten; delete it", "error", err)
	}
	return ErrInstanceGone
}

// Renew gives a session that ProcessMaker no longer accepts, or that is old, a new pair. seen is
// the session as the caller knew it: if another request has renewed it since, that is the answer;
// if one has ended it, nothing brings it back.
func (m *Manager) Renew(ctx context.Context, bound *role.Binding, seen *Session) (*Session, error) {
	began := m.Clock.Now()
	workCtx, cancel := context.WithTimeout(context.Background(), token.ExchangesTimeout)
	defer cancel()
	unlock, err := m.lock(ctx, bound.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	stored, err := m.Get(ctx, bound.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case stored == nil || !stored.Active() || stored.Fingerprint != seen.Fingerprint:
		// The last is the session of the present role, not of the one that the caller knew.
		m.Forget(bound.Name)
		return nil, ErrOver
	case stored.TokenID != seen.TokenID:
		m.mirrors.Keep(bound.Name, stored)
		return stored, nil
	}
	renewed := *stored
	outcome, err := m.Broker.Refresh(workCtx, token.Holding{
		Bound:        bound,
		Fingerprint:  stored.Fingerprint,
		Token:        stored.Token(),
		RefreshToken: stored.RefreshToken,
		Store: func(grant *client.Grant) error {
			renewed.Hold(grant)
			return m.replace(bound.Name, stored, &renewed)
		},
	})
	if outcome.Doubt.Unseen {
		m.NoteUnseen(bound.Name, stored.TokenID, cmp.Or(err, outcome.Kept)) // a session remembers no doubt
	}
	var lost *token.ChainLost
	switch {
	case errors.As(err, &lost):
		return nil, m.lose(bound, stored, lost.Why)
	case problem.IsConflict(err):
		m.Forget(bound.Name)
		return nil, err
	case err != nil:
		return nil, err
	case outcome.Kept != nil:
		return nil, outcome.Kept
	}
	m.mirrors.Keep(bound.Name, &renewed)
	m.Report.Happened(hclog.Info, telemetry.SessionRenewed, telemetry.OfSession(bound.Name).StartedAt(began), "session renewed", "user_id", renewed.UserID, "token_id", renewed.TokenID)
	return &renewed, nil
}

// lose stores that somebody has to sign in again.
func (m *Manager) lose(bound *role.Binding, stored *Session, why string) error {
	m.Forget(bound.Name)
	if err := m.replace(bound.Name, stored, stored.lost(why)); err != nil {
		return err
	}
	m.Report.Happened(hclog.Warn, telemetry.SessionLost, telemetry.OfSession(bound.Name), "session lost; somebody has to sign in", "user_id", stored.UserID, "reason", why)
	return needsSignIn(bound, why)
}

// RenewAged renews the session of a role once it has passed two thirds of its life. A chain that is
// never refreshed dies with its refresh token, which lives as long as the access token.
func (m *Manager) RenewAged(ctx context.Context, name string) error {
	inst, err := m.Instances.Current(ctx)
	if err != nil || inst == nil || inst.Config.Deleted {
		return err
	}
	entry, err := m.Roles.Get(ctx, name)
	if err != nil || entry == nil {
		return err
	}
	stored, err := m.Get(ctx, name)
	if err != nil || stored == nil || !stored.Active() || stored.Fingerprint.URL != inst.Config.URL || !stored.isAged(m.Clock.Now()) {
		return err
	}
	bound, err := entry.BindTo(inst)
	if err != nil {
		return nil // the role was written for another instance
	}
	if _, err = m.Renew(ctx, bound, stored); errors.Is(err, ErrOver) {
		return nil
	}
	return err
}
