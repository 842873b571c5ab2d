package credential

import (
	"cmp"
	"context"
	"fmt"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/session"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// personalTokenLife is longer than any personal access token of ProcessMaker lives (a year). The
// true end is known only after the record is written.
const personalTokenLife = role.LongestTTL + lease.DeadlineSlack

// mint obtains a personal access token with the role's session. The record comes first: the token's
// name is known beforehand, so that the token can be found and ended whatever happens on the way.
func (s *Service) mint(ctx context.Context, bound *role.Binding, facts ledger.Facts) (*Credential, error) {
	target, err := s.Roles.Target(&bound.Role, facts.EntityID)
	if err != nil {
		return nil, s.failed(bound, token.Explain(bound, err, s.Clock.Now()))
	}
	now := s.Clock.Now()
	record, err := s.Ledger.Draft(facts)
	if err != nil {
		return nil, err
	}
	record.TokenName = ledger.TokenName(s.Ledger.Mount(), bound.Name, record.ID)
	record.TokenReceivedAt = now
	record.TokenExpireTime = now.Add(personalTokenLife)
	m := &minting{Service: s, bound: bound, target: target, record: record}
	if err := s.sessions.Do(ctx, bound, func(session *session.Session) error { return m.mint(ctx, session) }); err != nil {
		m.abandon()
		return nil, s.failed(bound, m.explain(err))
	}
	return &Credential{Record: record, Token: m.token, At: s.Clock.Now()}, nil
}

type minting struct {
	*Service
	bound  *role.Binding
	target string
	record *ledger.Record
	// recorded: the record is stored.
	recorded bool
	// mayExist: the token was asked for, and not certainly refused.
	mayExist bool
	token    client.Token
}

// mint makes the token as session. It may be called again with a renewed session.
func (m *minting) mint(ctx context.Context, session *session.Session) error {
	api := m.bound.Client
	user, err := m.user(ctx, session)
	if err != nil {
		return err
	}
	// A session in place of a refused one may be another user's; the former user then has no token.
	if !m.recorded || m.record.UserID != user.ID || m.record.Fingerprint != session.Fingerprint {
		m.record.Fingerprint = session.Fingerprint
		m.record.UserID, m.record.Username = user.ID, user.Username
		if err := m.Ledger.Put(m.record); err != nil {
			return err
		}
		m.recorded = true
	}
	made, err := api.CreatePersonalToken(ctx, session.Token(), user.ID, m.record.TokenName)
	m.mayExist = mayHaveMinted(err)
	switch {
	case client.ServerFailed(err):
		return m.explainServerError(ctx, session, err)
	case err != nil:
		return err
	}
	if err := token.Accepts(ctx, m.bound, made); err != nil {
		m.refuse(session, made, err)
		return err
	}
	m.token = made
	return nil
}

// refuse ends a token that ProcessMaker made and does not accept, which the session alone can end.
func (m *minting) refuse(session *session.Session, made client.Token, why error) {
	if client.KindOf(why) != client.TwinRefused {
		return // by its name, once it is known what it is
	}
	if !m.bound.TargetVaries() { // other readers' users are none of it
		m.bound.Gate.Reject(why, m.Clock.Now())
	}
	ctx, cancel := context.WithTimeout(context.Background(), token.EndTimeout)
	defer cancel()
	err := m.bound.Client.RevokeTokenOf(ctx, session.Token(), made.UserID, made.ID)
	if err != nil {
		m.Report.Log(hclog.Warn, m.record.Subject(), "a token that ProcessMaker refuses could not be ended at once", "token_id", made.ID, "error", err)
	}
	m.mayExist = err != nil
}

// explainServerError tells a missing personal access client from a server in trouble: without the
// client ProcessMaker answers everything else.
func (m *minting) explainServerError(ctx context.Context, session *session.Session, failed error) error {
	if _, err := m.bound.Client.ShowUser(ctx, session.Token(), session.UserID); err != nil {
		return failed
	}
	return problem.Explain(failed, failed.Error()+". If this goes on, ProcessMaker's personal access client is missing: run \"php artisan passport:client --personal\" on its server")
}

func (m *minting) user(ctx context.Context, session *session.Session) (client.User, error) {
	if m.target == "" {
		return client.User{ID: session.UserID, Username: session.Username}, nil
	}
	user, err := m.bound.Client.ShowUser(ctx, session.Token(), m.target)
	if err == nil && user.Administrator && !m.bound.AllowAdministrators {
		err = problem.Refuse(fmt.Sprintf("user %s is an administrator, and the role does not allow that", user.ID), "Choose another user, or set allow_administrators=true of the role")
	}
	return user, err
}

// abandon cleans up after a token that was not handed out. If it certainly was not made, its record
// goes; otherwise the record is marked due, and the ledger looks for the token by its name.
func (m *minting) abandon() {
	if !m.recorded {
		return
	}
	if !m.mayExist {
		err := store.OnOwnTime(func(ctx context.Context) error { return m.Ledger.Drop(ctx, m.record.ID) })
		if err != nil {
			m.Report.Log(hclog.Warn, m.record.Subject(), "the record of a token that was not made could not be deleted; it goes at its deadline", "error", err)
		}
		return
	}
	if err := m.Ledger.MarkDue(m.record); err != nil {
		m.Report.Log(hclog.Warn, m.record.Subject(), "a token that may have been made is ended only at its deadline", "error", err)
		return
	}
	m.Report.Happened(hclog.Debug, telemetry.LedgerDue, m.record.Subject(), "a token that may have been made is looked for by the ledger", "token_name", m.record.TokenName)
}

// mayHaveMinted tells whether a failed creation may have left a token.
func mayHaveMinted(err error) bool {
	if client.CertainlyNotDone(err) {
		return false
	}
	switch client.KindOf(err) {
	case client.TokenRefused, client.Forbidden, client.NotFound, client.BadRequest:
		return false
	default:
		return true
	}
}

// explain says why no personal access token could be had, and what cures it.
func (m *minting) explain(err error) *problem.Error {
	told := *token.Explain(m.bound, err, m.Clock.Now())
	whose := cmp.Or(m.target, m.record.UserID)
	switch client.KindOf(err) {
	case client.Forbidden:
		told.Text = fmt.Sprintf("ProcessMaker does not let the role's user %q make tokens of user %s", m.bound.Username, whose)
		told.Cure = "Give the role the login of an administrator, or clear its user_id"
	case client.NotFound:
		told.Text, told.Cure = fmt.Sprintf("ProcessMaker has no user %s", whose), "Correct user_id of the role, for example user_id=7"
	}
	return &told
}
