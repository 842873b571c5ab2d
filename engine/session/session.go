package session

import (
	"context"
	"fmt"
	"time"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/store"
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
	return store.Name{What: fmt.Sprintf("the stored session of role %q", name), Cure: fmt.Sprintf("delete sessions/%s, and its tokens in ProcessMaker", name)}
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

	// LostBecause says why the session cannot be used any more and somebody has to sign in; empty
	// while it can. UserID still says which user that is.
	LostBecause string `json:"lost_because"`
}

// CurrentVersion and Usable make Session an entry of storage.
func (s *Session) CurrentVersion() int { return version }
func (s *Session) Usable() bool {
	return s.Fingerprint.URL != "" && (s.LostBecause != "" || (s.AccessToken != "" && s.TokenID != ""))
}

// Active tells whether the session has its tokens.
func (s *Session) Active() bool { return s.LostBecause == "" }

// Token is the access token that the session holds.
func (s *Session) Token() client.Token { return s.TokenOf(s.AccessToken) }

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

// facts are those of a token of the session that is not to be kept.
func (s *Session) facts(name string) ledger.Facts {
	return ledger.Facts{Role: name, Fingerprint: s.Fingerprint, Username: s.Username}
}

// isAged tells whether the session has passed two thirds of its life.
func (s *Session) isAged(now time.Time) bool {
	life := s.TokenExpireTime.Sub(s.TokenReceivedAt)
	return !now.Before(s.TokenReceivedAt.Add(life * 2 / 3))
}

// Get returns a role's session, or nil. Its errors are the storage's own and store.Unreadable.
func (m *Manager) Get(ctx context.Context, name string) (*Session, error) {
	return store.Get[Session](ctx, m.Storage, Prefix+name, NameOf(name))
}

// Names lists the roles that have a session, sorted.
func (m *Manager) Names(ctx context.Context) ([]string, error) {
	return m.Storage.List(ctx, Prefix)
}

// replace stores next in place of known on its own time; nil stands for none.
func (m *Manager) replace(name string, known, next *Session) error {
	return store.OnOwnTime(func(ctx context.Context) error {
		return store.Replace(ctx, m.Storage, Prefix+name, known, next, NameOf(name))
	})
}
