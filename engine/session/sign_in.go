package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
)

const (
	// SignInPrefix is where sign-ins that are under way are stored.
	SignInPrefix  = "authorize/"
	signInVersion = 1
	// SignInTime is how long a person has to sign in. ProcessMaker's codes live as long.
	SignInTime = 10 * time.Minute
)

// pendingSignIn is the stored form of a sign-in that a person has begun, under the hash of its
// state: a reader of storage cannot complete it.
type pendingSignIn struct {
	Version     int                `json:"version"`
	Role        string             `json:"role"`
	Fingerprint ledger.Fingerprint `json:"fingerprint"`
	Verifier    string             `json:"verifier"`
	// Caller began the sign-in, and alone may complete it.
	Caller      string    `json:"caller"`
	ExpireTime  time.Time `json:"expire_time"`
	RedirectURI string    `json:"redirect_uri"`
}

func (p *pendingSignIn) CurrentVersion() int { return signInVersion }
func (p *pendingSignIn) Usable() bool        { return p.Role != "" && p.Verifier != "" }

func nameOfSignIn(key string) store.Name {
	return store.Name{Key: key, What: "the stored sign-in", Cure: "begin again with \"vault write -f " + problem.Mount + "authorize/<role>\""}
}

func signInKey(state string) string {
	hash := sha256.Sum256([]byte(state))
	return SignInPrefix + hex.EncodeToString(hash[:])
}

// SignIn is what a person needs to sign in.
type SignIn struct {
	URL, State string
	ExpireTime time.Time
}

// BeginSignIn makes the address where a person signs in (RFC 6749 §4.1, with PKCE, RFC 7636).
// caller tells Vault tokens apart, and is empty for one that nothing tells apart.
func (m *Manager) BeginSignIn(ctx context.Context, bound *role.Binding, caller string) (*SignIn, error) {
	if caller == "" {
		return nil, problem.Refuse("this Vault token has neither an entity nor an accessor (batch tokens have none), so the engine cannot recognize the person who comes back", "Sign in to Vault with an auth method that gives service tokens")
	}
	state, err := m.randomText()
	if err != nil {
		return nil, err
	}
	verifier, err := m.randomText()
	if err != nil {
		return nil, err
	}
	pending := &pendingSignIn{
		Version:     signInVersion,
		Role:        bound.Name,
		Fingerprint: bound.Fingerprint,
		Verifier:    verifier,
		Caller:      caller,
		ExpireTime:  m.Clock.Now().Add(SignInTime),
		RedirectURI: bound.RedirectURI,
	}
	if err := m.openSignIn(ctx, signInKey(state), pending); err != nil {
		return nil, err
	}
	address := bound.Client.AuthorizationURL(bound.Auth.ID, bound.RedirectURI, state, verifier)
	return &SignIn{URL: address, State: state, ExpireTime: pending.ExpireTime}, nil
}

// randomText is 32 random bytes as a verifier has them (RFC 7636 §4.1).
func (m *Manager) randomText() (string, error) {
	bits := make([]byte, 32)
	if _, err := io.ReadFull(m.Random, bits); err != nil {
		return "", fmt.Errorf("no randomness for a sign-in: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(bits), nil
}

func beginAgain(role string) string {
	return fmt.Sprintf("Begin again with \"vault write -f %sauthorize/%s\"", problem.Mount, role)
}

// noSignIn is the answer to every state that does not fit: it tells nothing of others' sign-ins.
func noSignIn(role string) error {
	return problem.Refuse("no sign-in of yours is open with this state: it was completed, is older than ten minutes, too many were begun after it, it was begun for another role or by somebody else, or the role was changed since", beginAgain(role))
}

// CompleteSignIn trades the code of a sign-in for the role's session.
func (m *Manager) CompleteSignIn(ctx context.Context, bound *role.Binding, caller, code, state string) (*Session, error) {
	pending, err := m.takeSignIn(ctx, bound, caller, state)
	if err != nil {
		return nil, err
	}
	grant, err := bound.Kept().Grants().CodeGrant(ctx, bound.Auth, pending.RedirectURI, code, pending.Verifier)
	if err != nil {
		m.Broker.NoteLostAnswer(bound.Name, err)
		return nil, explainCode(bound, err)
	}
	return m.begin(ctx, bound, grant)
}

// takeSignIn removes the sign-in before it is used: it works once, also for two callers at once.
func (m *Manager) takeSignIn(ctx context.Context, bound *role.Binding, caller, state string) (*pendingSignIn, error) {
	unlock, err := m.lock(ctx, bound.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	pending, err := store.Get[pendingSignIn](ctx, m.Storage, nameOfSignIn(signInKey(state)))
	if err != nil && !store.IsUnreadable(err) {
		return nil, err
	}
	// Another caller does not end the sign-in either.
	if pending == nil || pending.Caller != caller || pending.Role != bound.Name {
		return nil, noSignIn(bound.Name)
	}
	if err := m.Storage.Delete(ctx, signInKey(state)); err != nil {
		return nil, err
	}
	m.signIns.forget(bound.Name, signInKey(state))
	if !m.Clock.Now().Before(pending.ExpireTime) || pending.Fingerprint != bound.Fingerprint {
		return nil, noSignIn(bound.Name)
	}
	return pending, nil
}

// explainCode: what ProcessMaker refuses in a code exchange is the code, the redirect URI or the
// client, all of them the caller's or operator's to correct.
func explainCode(bound *role.Binding, err error) error {
	switch client.KindOf(err) {
	case client.GrantDead, client.BadRequest:
		return problem.Refuse("ProcessMaker refused the code: it was used, is too old, or belongs to another client", beginAgain(bound.Name))
	case client.ClientRefused:
		return problem.Refuse("ProcessMaker refused the auth client or the redirect_uri", "Check client_id, client_secret and redirect_uri, that the client has the authorization code grant alone, and after an upgrade of ProcessMaker that its script has hashed the clients' secrets")
	case client.GrantNotAllowed:
		return problem.Refuse(fmt.Sprintf("auth client %q exists, but its authorization code grant is off in ProcessMaker", bound.Auth.ID), "Turn on \"Enable Authorization Code Grant\" for it at Admin, Auth Clients")
	case client.GrantNotEnabled:
		return problem.Refuse("this ProcessMaker has no authorization code grant", "Use a role with grant_type password or refresh_token")
	default:
		return err
	}
}

// begin makes a session of a pair that a person or an import brought, if the user may sign in.
func (m *Manager) begin(ctx context.Context, bound *role.Binding, grant *client.Grant) (*Session, error) {
	// The record ends the token should the plugin be killed before the session is stored.
	record, err := m.Broker.Register(bound, grant, "sessions")
	if err != nil {
		return nil, err
	}
	unlock, err := m.lock(ctx, bound.Name)
	if err != nil {
		m.Broker.End(bound.Instance, record)
		return nil, err
	}
	defer unlock()
	old, err := m.Get(ctx, bound.Name)
	if store.IsUnreadable(err) {
		err = m.dropUnreadable(ctx, bound.Name, err)
	}
	if err != nil {
		m.Broker.End(bound.Instance, record)
		return nil, err
	}
	started := m.draft(bound, grant)
	if err := m.checkUser(ctx, bound, started, old); err != nil {
		m.turnAway(bound, started, record)
		return nil, err
	}
	if err := m.adopt(bound, started, old); err != nil {
		m.Broker.End(bound.Instance, record)
		return nil, err
	}
	m.Broker.Release(record)
	return started, nil
}

// checkUser refuses a sign-in by another user than the pinned one, and fills in the user's name.
func (m *Manager) checkUser(ctx context.Context, bound *role.Binding, started, old *Session) error {
	pinned := bound.SessionUserID
	if pinned == "" && old != nil && old.Fingerprint == bound.Fingerprint {
		pinned = old.UserID
	}
	if pinned != "" && pinned != started.UserID {
		return problem.Refuse(
			fmt.Sprintf("user %s signed in, but this role is user %s's (session_user_id, or who signed in first until sessions/%s is deleted); the tokens are not kept", started.UserID, pinned, bound.Name),
			fmt.Sprintf("Sign in as that user, or end the session for another with \"vault delete %ssessions/%s\"", problem.Mount, bound.Name),
		)
	}
	if err := token.Accepts(ctx, bound, started.Token()); err != nil {
		return err
	}
	user, err := bound.Client.ShowUser(ctx, started.Token(), started.UserID)
	if err != nil {
		return err
	}
	started.Username = user.Username
	return nil
}

// turnAway ends the tokens of a sign-in that becomes no session, if need be by the ledger.
func (m *Manager) turnAway(bound *role.Binding, started *Session, record *ledger.Record) {
	if err := m.endPair(bound.Instance, bound.Auth, bound.Name, started); err == nil {
		m.Broker.Release(record)
	}
}

// Import begins a session with the caller's refresh token, and uses it at once: no copy works then.
func (m *Manager) Import(ctx context.Context, bound *role.Binding, refreshToken string) (*Session, error) {
	grant, err := m.refreshImported(ctx, bound, refreshToken)
	switch {
	case err == nil:
		return m.begin(ctx, bound, grant)
	case client.KindOf(err) == client.GrantDead:
		return nil, problem.Refuse("ProcessMaker refused the refresh token: it was used, revoked, is of another client or another instance", fmt.Sprintf("Import another one with \"vault write %ssessions/%s refresh_token=-\"", problem.Mount, bound.Name))
	default:
		m.Broker.NoteLostAnswer(bound.Name, err)
		return nil, err
	}
}

// refreshImported lets one caller at a time use a token: ProcessMaker can give two at once two
// pairs.
func (m *Manager) refreshImported(ctx context.Context, bound *role.Binding, refreshToken string) (*client.Grant, error) {
	hash := sha256.Sum256([]byte(refreshToken))
	unlock, err := m.imports.Lock(ctx, hex.EncodeToString(hash[:]))
	if err != nil {
		return nil, fmt.Errorf("gave up waiting for another import of the same refresh token: %w", err)
	}
	defer unlock()
	return bound.Kept().Grants().RefreshGrant(ctx, bound.Auth, refreshToken)
}
