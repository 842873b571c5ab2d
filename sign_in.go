package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

const (
	pendingVersion = 1
	// signInTime is how long a person has to sign in. ProcessMaker's codes
	// live as long.
	signInTime = 10 * time.Minute
)

// pendingSignIn is the stored form of a sign-in that a person has begun, under
// the hash of its state: who reads storage cannot complete it.
type pendingSignIn struct {
	Version     int                `json:"version"`
	Role        string             `json:"role"`
	Fingerprint ledger.Fingerprint `json:"fingerprint"`
	Verifier    string             `json:"verifier"`
	// Caller is who began, and alone may complete.
	Caller      string    `json:"caller"`
	ExpireTime  time.Time `json:"expire_time"`
	RedirectURI string    `json:"redirect_uri"`
}

func pendingKey(state string) string {
	hash := sha256.Sum256([]byte(state))
	return authorizePrefix + hex.EncodeToString(hash[:])
}

// callerOf tells Vault tokens apart: by their entity, which outlives a single
// token, or else by the token's accessor.
func callerOf(req *logical.Request) string {
	if req.EntityID != "" {
		return "entity:" + req.EntityID
	}
	return "accessor:" + req.ClientTokenAccessor
}

// beginSignIn makes the address where a person signs in.
func (b *backend) beginSignIn(ctx context.Context, req *logical.Request, role *loadedRole, s *settings) (address, state string, err error) {
	auth, err := role.authClient(s)
	if err != nil {
		return "", "", err
	}
	if req.EntityID == "" && req.ClientTokenAccessor == "" {
		return "", "", &refusal{"this Vault token has neither an entity nor an accessor (batch tokens have none), so nobody could be told apart from its holder", "Sign in with a service token"}
	}
	if state, err = b.randomText(); err != nil {
		return "", "", err
	}
	verifier, err := b.randomText()
	if err != nil {
		return "", "", err
	}
	entry, err := logical.StorageEntryJSON(pendingKey(state), &pendingSignIn{
		Version:     pendingVersion,
		Role:        role.name,
		Fingerprint: role.fingerprint(auth.ID),
		Verifier:    verifier,
		Caller:      callerOf(req),
		ExpireTime:  b.clock.Now().Add(signInTime),
		RedirectURI: role.RedirectURI,
	})
	if err != nil {
		return "", "", errors.New("the sign-in cannot be encoded")
	}
	if err := req.Storage.Put(ctx, entry); err != nil {
		return "", "", err
	}
	return s.client.AuthorizationURL(auth.ID, role.RedirectURI, state, verifier), state, nil
}

// randomText is 32 random bytes as RFC 7636 §4.1 wants a verifier.
func (b *backend) randomText() (string, error) {
	bits := make([]byte, 32)
	if _, err := io.ReadFull(b.random, bits); err != nil {
		return "", fmt.Errorf("no randomness for a sign-in: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(bits), nil
}

const beginAgain = "Begin again at authorize/<role>"

// errNoSignIn is the one answer to every state that does not fit, so that it
// tells nothing about others' sign-ins.
var errNoSignIn = &refusal{"no sign-in of yours is open with this state: it was completed, is older than ten minutes, was begun for another role or by somebody else, or the role was changed since", beginAgain}

// completeSignIn trades the code of a sign-in for the role's session.
func (b *backend) completeSignIn(ctx context.Context, req *logical.Request, role *loadedRole, s *settings, code, state string) (*session, error) {
	auth, err := role.authClient(s)
	if err != nil {
		return nil, err
	}
	pending, err := b.takePending(ctx, req, role, auth, state)
	if err != nil {
		return nil, err
	}
	grant, err := s.client.For(client.Caller{Role: role.name, Kept: true}).CodeGrant(ctx, auth.forClient(), pending.RedirectURI, code, pending.Verifier)
	if err != nil {
		b.noteLostAnswer(role.name, err)
		return nil, codeTrouble(err)
	}
	return b.beginSession(ctx, req.Storage, role, s, auth, grant)
}

// takePending removes the sign-in before it is used: it works once, also for two at
// once.
func (b *backend) takePending(ctx context.Context, req *logical.Request, role *loadedRole, auth authClient, state string) (*pendingSignIn, error) {
	unlock, err := b.sessions.Lock(ctx, role.name)
	if err != nil {
		return nil, fmt.Errorf("gave up waiting for the role's session: %w", err)
	}
	defer unlock()
	entry, err := req.Storage.Get(ctx, pendingKey(state))
	if err != nil {
		return nil, err
	}
	var pending pendingSignIn
	if entry == nil || entry.DecodeJSON(&pending) != nil {
		return nil, errNoSignIn
	}
	// Who did not begin it does not end it either.
	if pending.Caller != callerOf(req) || pending.Role != role.name {
		return nil, errNoSignIn
	}
	if err := req.Storage.Delete(ctx, entry.Key); err != nil {
		return nil, err
	}
	if !b.clock.Now().Before(pending.ExpireTime) || pending.Fingerprint != role.fingerprint(auth.ID) {
		return nil, errNoSignIn
	}
	return &pending, nil
}

// codeTrouble: what ProcessMaker refuses in a code exchange is the code, the
// redirect URI or the client, all of them the caller's or operator's to mend.
func codeTrouble(err error) error {
	switch client.KindOf(err) {
	case client.GrantDead, client.BadRequest:
		return &refusal{"ProcessMaker refused the code: it was used, is too old, or belongs to another client", beginAgain}
	case client.ClientRefused:
		return &refusal{"ProcessMaker refused the auth client or the redirect_uri", "Check client_id, client_secret and redirect_uri, and that the client has the authorization code grant alone"}
	case client.GrantNotEnabled:
		return &refusal{text: "this ProcessMaker has no authorization code grant"}
	default:
		return err
	}
}

// beginSession makes a session of a pair that a person or an import brought,
// if it belongs to the user who may sign in.
func (b *backend) beginSession(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings, auth authClient, grant *client.Grant) (*session, error) {
	// It ends the token should the plugin be killed before the session is stored.
	meanwhile, err := b.recordLogin(storage, role.name, &role.role, auth, grant, "sessions")
	if err != nil {
		b.endUnrecorded(s, grant.Access, role.name)
		return nil, err
	}
	unlock, err := b.sessions.Lock(ctx, role.name)
	if err != nil {
		b.endLogin(storage, s, meanwhile)
		return nil, err
	}
	defer unlock()
	old, err := readSession(ctx, storage, role.name)
	if isUnreadable(err) {
		err = b.dropUnreadableSession(ctx, storage, role.name, err)
	}
	if err != nil {
		b.endLogin(storage, s, meanwhile)
		return nil, err
	}
	fingerprint := role.fingerprint(auth.ID)
	started := session{Version: sessionVersion, Fingerprint: fingerprint, CreatedTime: b.clock.Now()}.with(grant)
	pinned := role.SessionUserID
	if pinned == "" && old != nil && old.Fingerprint == fingerprint {
		pinned = old.UserID
	}
	if pinned != "" && pinned != started.UserID {
		b.turnAway(storage, s, auth, role.name, started, meanwhile)
		return nil, &refusal{
			text: fmt.Sprintf("user %s signed in, but this role is user %s's (session_user_id, or who signed in first until sessions/%s is deleted); the tokens are not kept", started.UserID, pinned, role.name),
			cure: "Sign in as that user, or delete the session for another",
		}
	}
	user, err := s.client.ShowUser(ctx, started.token(), started.UserID)
	if err != nil {
		b.turnAway(storage, s, auth, role.name, started, meanwhile)
		return nil, err
	}
	started.Username = user.Username
	if err := b.adoptSession(storage, role, s, auth, started, old); err != nil {
		if errors.Is(err, errConfigGone) {
			// The ledger no longer knows the way to its token.
			b.endLogin(storage, s, meanwhile)
		}
		return nil, err
	}
	b.dropRecord(storage, meanwhile)
	return started, nil
}

// turnAway ends the tokens of a sign-in that becomes no session, at once or as
// soon as ProcessMaker can be reached.
func (b *backend) turnAway(storage logical.Storage, s *settings, auth authClient, role string, login *session, meanwhile *ledger.Record) {
	if err := b.endPair(storage, s, auth, role, login); err != nil {
		b.log(hclog.Error, aboutSession(role), "the tokens of a sign-in could not be ended", "user_id", login.UserID, "token_id", login.TokenID, "error", err)
		return
	}
	b.dropRecord(storage, meanwhile)
}

// importSession begins a session with a refresh token that somebody brought. It
// is refreshed at once, so that no copy of it works any more.
func (b *backend) importSession(ctx context.Context, storage logical.Storage, role *loadedRole, s *settings, refreshToken string) (*session, error) {
	auth, err := role.authClient(s)
	if err != nil {
		return nil, err
	}
	grant, err := b.refreshImported(ctx, role.name, s, auth, refreshToken)
	switch {
	case err == nil:
		return b.beginSession(ctx, storage, role, s, auth, grant)
	case client.KindOf(err) == client.GrantDead:
		return nil, &refusal{"ProcessMaker refused the refresh token: it was used, revoked, is of another client or another instance", "Import another one"}
	default:
		b.noteLostAnswer(role.name, err)
		return nil, err
	}
}

// refreshImported uses a refresh token that may be brought twice at once: by two
// refreshes at a time ProcessMaker can be made to give two pairs.
func (b *backend) refreshImported(ctx context.Context, role string, s *settings, auth authClient, refreshToken string) (*client.Grant, error) {
	hash := sha256.Sum256([]byte(refreshToken))
	unlock, err := b.records.Lock(ctx, "imported "+hex.EncodeToString(hash[:]))
	if err != nil {
		return nil, fmt.Errorf("gave up waiting for another import of the same refresh token: %w", err)
	}
	defer unlock()
	return s.client.For(client.Caller{Role: role, Kept: true}).RefreshGrant(ctx, auth.forClient(), refreshToken)
}

// dropExpiredSignIns forgets sign-ins that nobody completed.
func (b *backend) dropExpiredSignIns(ctx context.Context, storage logical.Storage) error {
	keys, err := storage.List(ctx, authorizePrefix)
	if err != nil {
		return err
	}
	for _, key := range keys {
		entry, err := storage.Get(ctx, authorizePrefix+key)
		if err != nil {
			return err
		}
		var pending pendingSignIn
		if entry == nil || (entry.DecodeJSON(&pending) == nil && b.clock.Now().Before(pending.ExpireTime)) {
			continue
		}
		if err := storage.Delete(ctx, authorizePrefix+key); err != nil {
			return err
		}
	}
	return nil
}
