package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

const sessionVersion = 1

// session is the stored form of a role's own pair of tokens. It is never
// handed out, so that refreshing it hurts nobody.
type session struct {
	Version     int                `json:"version"`
	Fingerprint ledger.Fingerprint `json:"fingerprint"`

	UserID   string `json:"user_id"`
	Username string `json:"username"`

	TokenID         string    `json:"token_id"`
	TokenType       string    `json:"token_type"`
	TokenReceivedAt time.Time `json:"token_received_at"`
	TokenExpireTime time.Time `json:"token_expire_time"`
	AccessToken     string    `json:"access_token"`
	RefreshToken    string    `json:"refresh_token"`

	CreatedTime     time.Time `json:"created_time"`
	LastRefreshTime time.Time `json:"last_refresh_time"`

	// LostBecause says why the session cannot be used any more and somebody
	// has to sign in; empty while it can. Who may is still known by UserID.
	LostBecause string `json:"lost_because"`
}

func (s *session) token() client.Token {
	return client.Token{
		Value:      s.AccessToken,
		Type:       s.TokenType,
		ID:         s.TokenID,
		UserID:     s.UserID,
		ReceivedAt: s.TokenReceivedAt,
		ExpireTime: s.TokenExpireTime,
	}
}

// with returns the session with a new pair of tokens.
func (s session) with(grant *client.Grant) *session {
	s.UserID = grant.Access.UserID
	s.TokenID = grant.Access.ID
	s.TokenType = grant.Access.Type
	s.TokenReceivedAt = grant.Access.ReceivedAt
	s.TokenExpireTime = grant.Access.ExpireTime
	s.AccessToken = grant.Access.Value
	s.RefreshToken = grant.Refresh
	s.LastRefreshTime = grant.Access.ReceivedAt
	s.LostBecause = ""
	return &s
}

// lost returns the session without its tokens.
func (s session) lost(why string) *session {
	s.TokenID, s.TokenType, s.AccessToken, s.RefreshToken = "", "", "", ""
	s.LostBecause = why
	return &s
}

// needsSignIn is the answer to who needs a session that only a person, or a
// refresh token that is brought along, can begin.
func needsSignIn(role *loadedRole, why string) error {
	text := "it has no session"
	if why != "" {
		text = "its session is lost (" + why + ")"
	}
	if role.GrantType == grantTypeRefreshToken {
		return &refusal{fmt.Sprintf("%s: import a refresh token with \"vault write <mount>/sessions/%s refresh_token=-\"", text, role.name)}
	}
	return &refusal{fmt.Sprintf("%s: sign in with \"vault write -f <mount>/authorize/%s\", open the authorization_url, then \"vault write <mount>/sessions/%s code=<code> state=<state>\"", text, role.name, role.name)}
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
	grant, auth, err := b.login(ctx, role, s)
	if err != nil {
		return nil, err
	}
	started := session{Version: sessionVersion, Fingerprint: fingerprint, Username: role.Username, CreatedTime: b.clock.Now()}.with(grant)
	return started, b.adoptSession(storage, role, s, auth, started, old)
}

// adoptSession stores a new session before it is used, and ends the old one
// after that. The caller holds the session's lock.
func (b *backend) adoptSession(storage logical.Storage, role *loadedRole, s *settings, auth authClient, started, old *session) error {
	if err := b.putSession(storage, role.name, started); err != nil {
		b.endUnrecorded(s, started.token(), role.name)
		return err
	}
	role.session.Store(started)
	b.Logger().Info("session started", "role", role.name, "user_id", started.UserID, "token_id", started.TokenID)
	if old != nil && old.LostBecause == "" {
		if err := b.endPair(storage, s, auth, role.name, old); err != nil {
			b.Logger().Warn("the role's old session could not be ended", "role", role.name, "token_id", old.TokenID, "error", err)
		}
	}
	return nil
}

// renewSession gives a session that ProcessMaker no longer accepts, or that is
// old, a new pair. seen is the session as the caller knew it: if another
// request has renewed it since, that is the answer.
func (b *backend) renewSession(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings, seen *session) (*session, error) {
	workCtx, cancel := context.WithTimeout(context.Background(), exchangesTimeout)
	defer cancel()
	unlock, err := b.sessions.Lock(ctx, role.name)
	if err != nil {
		return nil, fmt.Errorf("gave up waiting for the role's session: %w", err)
	}
	defer unlock()
	if current := role.session.Load(); current != nil && current.TokenID != seen.TokenID {
		return current, nil
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
		return nil, b.loseSession(storage, role, seen, lost.why)
	case err != nil:
		return nil, err
	case outcome.kept != nil:
		return nil, outcome.kept
	}
	role.session.Store(renewed)
	b.Logger().Info("session renewed", "role", role.name, "user_id", renewed.UserID, "token_id", renewed.TokenID)
	return renewed, nil
}

// loseSession puts down that somebody has to sign in again.
func (b *backend) loseSession(storage logical.Storage, role *loadedRole, seen *session, why string) error {
	if err := b.putSession(storage, role.name, seen.lost(why)); err != nil {
		return err
	}
	role.session.Store(nil)
	b.Logger().Info("session lost", "role", role.name, "user_id", seen.UserID, "reason", why)
	return needsSignIn(role, why)
}

// asSession runs an exchange with the session's token. A refused token is
// renewed once.
func (b *backend) asSession(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings, do func(*session) error) error {
	current, err := b.useSession(ctx, storage, role, s)
	if err != nil {
		return err
	}
	err = do(current)
	if client.KindOf(err) != client.TokenRefused {
		return err
	}
	renewed, renewErr := b.renewSession(ctx, storage, role, s, current)
	if renewErr != nil {
		return renewErr
	}
	return do(renewed)
}

// dropSession ends a role's session with the settings and the auth client
// that it was made with. With only set, another session is left alone.
func (b *backend) dropSession(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings, only *ledger.Fingerprint) error {
	unlock, err := b.sessions.Lock(ctx, role.name)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := readSession(ctx, storage, role.name)
	if err != nil || stored == nil || (only != nil && stored.Fingerprint != *only) {
		return err
	}
	if stored.LostBecause == "" && stored.Fingerprint.URL == s.config.URL {
		auth, err := role.authClient(s)
		if err != nil {
			return err
		}
		if err := b.endPair(storage, s, auth, role.name, stored); err != nil {
			return err
		}
	}
	role.session.Store(nil)
	return storage.Delete(ctx, sessionPrefix+role.name)
}

// endPair ends both tokens of a session: the refresh token cannot be revoked,
// but using it ends it together with the old access token, and the new pair is
// not kept. What cannot be ended is put down as due.
func (b *backend) endPair(storage logical.Storage, s *settings, auth authClient, role string, old *session) error {
	ctx, cancel := context.WithTimeout(context.Background(), exchangesTimeout)
	defer cancel()
	last := old.token()
	grant, err := s.client.RefreshGrant(ctx, auth.forClient(), old.RefreshToken)
	if err == nil {
		last = grant.Access
	}
	return b.endOrRecord(ctx, storage, s, last, role, old.Fingerprint)
}

func (b *backend) putSession(storage logical.Storage, role string, s *session) error {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	entry, err := logical.StorageEntryJSON(sessionPrefix+role, s)
	if err != nil {
		return fmt.Errorf("the session of role %q cannot be encoded", role)
	}
	return storage.Put(ctx, entry)
}

func readSession(ctx context.Context, storage logical.Storage, role string) (*session, error) {
	entry, err := storage.Get(ctx, sessionPrefix+role)
	if err != nil || entry == nil {
		return nil, err
	}
	var stored session
	if err := entry.DecodeJSON(&stored); err != nil {
		// The decoder's error may quote what it read.
		return nil, fmt.Errorf("the stored session of role %q cannot be read: it is not in the form of this release", role)
	}
	if stored.Version > sessionVersion {
		return nil, fmt.Errorf("the stored session of role %q was written by a newer release (version %d, known is %d)", role, stored.Version, sessionVersion)
	}
	return &stored, nil
}
