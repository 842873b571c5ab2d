package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// needsSignIn is the answer to who needs a session that only a person, or a
// refresh token that is brought along, can begin.
func needsSignIn(role *loadedRole, why string) error {
	text := "it has no session"
	if why != "" {
		text = "its session is lost (" + why + ")"
	}
	if role.GrantType == grantTypeRefreshToken {
		return &refusal{text, fmt.Sprintf("Import a refresh token with \"vault write <mount>/sessions/%s refresh_token=-\"", role.name)}
	}
	return &refusal{text, fmt.Sprintf("Sign in with \"vault write -f <mount>/authorize/%s\", open the authorization_url, then \"vault write <mount>/sessions/%s code=<code> state=<state>\"", role.name, role.name)}
}

// useSession returns the role's session and starts one where there is none.
func (b *backend) useSession(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings) (*session, error) {
	if err := role.belongsTo(s); err != nil {
		return nil, err
	}
	auth, err := role.authClient(s)
	if err != nil {
		return nil, err
	}
	fingerprint := role.fingerprint(auth.ID)
	if current := role.session.Load(); current != nil && current.Fingerprint == fingerprint && current.LostBecause == "" {
		return current, nil
	}
	unlock, err := b.sessions.Lock(ctx, role.name)
	if err != nil {
		return nil, fmt.Errorf("gave up waiting for the role's session: %w", err)
	}
	defer unlock()
	if current := role.session.Load(); current != nil && current.Fingerprint == fingerprint && current.LostBecause == "" {
		return current, nil
	}
	stored, err := readSession(ctx, storage, role.name)
	if err != nil {
		return nil, err
	}
	usable := stored != nil && stored.Fingerprint == fingerprint
	switch {
	case usable && stored.LostBecause == "":
		role.session.Store(stored)
		return stored, nil
	case role.GrantType == grantTypePassword:
		return b.startSession(ctx, storage, role, s, fingerprint, stored)
	case usable:
		return nil, needsSignIn(role, stored.LostBecause)
	default:
		return nil, needsSignIn(role, "")
	}
}

// startSession signs in with the role's password. The caller holds the
// session's lock.
func (b *backend) startSession(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings, fingerprint ledger.Fingerprint, old *session) (*session, error) {
	grant, auth, err := b.loginFor(ctx, storage, role, s, true)
	if err != nil {
		return nil, err
	}
	started := session{Version: sessionVersion, Fingerprint: fingerprint, Username: role.Username, CreatedTime: b.clock.Now()}.with(grant)
	return started, b.adoptSession(storage, role, s, auth, started, old)
}

// adoptSession stores a new session before it is used, and ends the old one
// after that. The old one is put down as due first: storing the new one forgets
// it, and the plugin may be killed right after. The caller holds the session's
// lock.
func (b *backend) adoptSession(storage logical.Storage, role *loadedRole, s *settings, auth authClient, started, old *session) error {
	err := b.sessionOvertaken(storage, role.name, old)
	if err == nil {
		err = b.roleOvertaken(storage, role, s, started.Fingerprint)
	}
	var remains *ledger.Record
	if err == nil && old != nil && old.LostBecause == "" && old.Fingerprint.URL == s.config.URL {
		remains, err = b.recordAsDue(storage, old.token(), role.name, old.Fingerprint)
	}
	if err == nil {
		err = b.putSession(storage, role.name, started)
	}
	if err == nil && !b.stillServes(storage, s) {
		err = b.takeSessionBack(storage, role.name)
	}
	if err != nil {
		// A record of the old session may stay: without its access token that
		// is refreshed when it is needed.
		b.endUnrecorded(s, started.token(), role.name)
		return err
	}
	role.session.Store(started)
	b.notice(hclog.Info, sessionStarted, aboutSession(role.name), "session started", "user_id", started.UserID, "token_id", started.TokenID)
	if old != nil && old.LostBecause == "" {
		if err := b.endReplaced(storage, s, auth, role.name, old, remains); err != nil {
			b.log(hclog.Warn, aboutSession(role.name), "the role's old session could not be ended at once", "token_id", old.TokenID, "error", err)
		}
	}
	return nil
}

// takeSessionBack forgets a session that began while the config was taken away:
// with another one nobody would know the way to it.
func (b *backend) takeSessionBack(storage logical.Storage, role string) error {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	if err := storage.Delete(ctx, sessionPrefix+role); err != nil {
		b.log(hclog.Warn, aboutSession(role), "a session that began while the config was taken away could not be forgotten; delete it", "error", err)
	}
	return errConfigGone
}

var errConfigGone = errors.New("the config was taken away or moved by another request at the same time; the new session was ended")

// endReplaced ends a session that another took the place of, and then the record
// that it got for the meantime.
func (b *backend) endReplaced(storage logical.Storage, s *settings, auth authClient, role string, old *session, remains *ledger.Record) error {
	if err := b.endPair(storage, s, auth, role, old); err != nil || remains == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	return ledger.Delete(ctx, storage, remains.ID)
}

// renewSession gives a session that ProcessMaker no longer accepts, or that is
// old, a new pair. seen is the session as the caller knew it: if another
// request has renewed it since, that is the answer; if one has ended it, nothing
// brings it back.
func (b *backend) renewSession(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings, seen *session) (*session, error) {
	began := b.clock.Now()
	workCtx, cancel := context.WithTimeout(context.Background(), exchangesTimeout)
	defer cancel()
	unlock, err := b.sessions.Lock(ctx, role.name)
	if err != nil {
		return nil, fmt.Errorf("gave up waiting for the role's session: %w", err)
	}
	defer unlock()
	stored, err := readSession(ctx, storage, role.name)
	if err != nil {
		return nil, err
	}
	switch {
	case stored == nil || stored.LostBecause != "" || stored.Fingerprint != seen.Fingerprint:
		// The last is the session of what the role is now, not of what the
		// caller knew it as.
		role.session.Store(nil)
		return nil, errSessionOver
	case stored.TokenID != seen.TokenID:
		role.session.Store(stored)
		return stored, nil
	}
	auth, err := role.authClient(s)
	if err != nil {
		return nil, err
	}
	renewed := seen
	rotation := &rotation{
		backend:  b,
		storage:  storage,
		settings: s,
		role:     role,
		auth:     auth,

		old:          seen.token(),
		refreshToken: seen.RefreshToken,
		fingerprint:  seen.Fingerprint,
		put: func(grant *client.Grant) error {
			next := seen.with(grant)
			if err := b.sessionOvertaken(storage, role.name, stored); err != nil {
				return err
			}
			if err := b.putSession(storage, role.name, next); err != nil {
				return err
			}
			renewed = next
			return nil
		},
	}
	outcome, err := rotation.run(workCtx)
	var lost *chainLost
	switch {
	case errors.As(err, &lost):
		return nil, b.loseSession(storage, role, seen, stored, lost.why)
	case errors.Is(err, errOvertaken):
		role.session.Store(nil)
		return nil, err
	case err != nil:
		return nil, err
	case outcome.kept != nil:
		return nil, outcome.kept
	}
	role.session.Store(renewed)
	b.notice(hclog.Info, sessionRenewed, aboutSession(role.name).startedAt(began), "session renewed", "user_id", renewed.UserID, "token_id", renewed.TokenID)
	return renewed, nil
}

// loseSession puts down that somebody has to sign in again.
func (b *backend) loseSession(storage logical.Storage, role *loadedRole, seen, stored *session, why string) error {
	if err := b.sessionOvertaken(storage, role.name, stored); err != nil {
		role.session.Store(nil)
		return err
	}
	if err := b.putSession(storage, role.name, seen.lost(why)); err != nil {
		return err
	}
	role.session.Store(nil)
	b.notice(hclog.Warn, sessionLost, aboutSession(role.name), "session lost; somebody has to sign in", "user_id", seen.UserID, "reason", why)
	return needsSignIn(role, why)
}

// errSessionOver: the session as the caller knew it was deleted or lost.
var errSessionOver = errors.New("the session was ended by another request at the same time; try again")

// asSession runs an exchange with the session's token. A refused token is
// renewed; a session that is over is asked for anew.
func (b *backend) asSession(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings, do func(*session) error) error {
	current, err := b.useSession(ctx, storage, role, s)
	if err != nil {
		return err
	}
	if known := role.futile.Load(); known != nil && known.tokenID == current.TokenID && b.clock.Now().Before(known.Until) {
		return &known.Remembered
	}
	err = do(current)
	if client.KindOf(err) != client.TokenRefused {
		return err
	}
	renewed, err := b.renewSession(ctx, storage, role, s, current)
	if errors.Is(err, errSessionOver) {
		renewed, err = b.useSession(ctx, storage, role, s)
	}
	if err != nil {
		return err
	}
	err = do(renewed)
	if client.KindOf(err) == client.TokenRefused {
		return role.noteFutile(renewed, b.clock.Now(), err)
	}
	return err
}
