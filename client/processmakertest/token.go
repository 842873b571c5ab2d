package processmakertest

import (
	"slices"
	"time"
)

// Token is an access token as the server's books have it.
type Token struct {
	ID        string    `json:"id"`
	UserID    int64     `json:"user_id"`
	ClientID  int64     `json:"client_id"`
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	Revoked   bool      `json:"revoked"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// Grant is the grant_type that made the token; for tokens made by the API it
	// is personal_access, and Name is set.
	Grant string `json:"grant"`
	// AnswerRead says whether a client read the answer that held the token.
	AnswerRead bool `json:"answer_read"`
	// Twin says that Passport 13 takes the token for its client's own, as its
	// user has the client's number and the client belongs to nobody. The API
	// refuses it while that is so, and the row stays as it is.
	Twin bool `json:"twin"`
}

// LiveTokens gives the access tokens that the API would accept now, in order of
// creation. Twins are among them: they are refused now, but they are alive in
// the table, and accepted once their client has an owner.
func (s *Server) LiveTokens() []Token {
	return s.tokens(s.data.isLive)
}

// StandingTokens gives the access tokens that the table has as neither revoked
// nor expired, whatever the API says about them now: also those of deleted
// users and of revoked clients, which work again when these are put back.
func (s *Server) StandingTokens() []Token {
	return s.tokens((*tokenRow).isStanding)
}

// UnreadTokens gives the live tokens of the password, refresh and code grants
// whose answer no client has read: nobody can use or revoke them. Those whose
// request is still inside are among them.
func (s *Server) UnreadTokens() []Token {
	return s.tokens(func(row *tokenRow, now time.Time) bool {
		fromSignIn := row.grant == grantPassword || row.grant == grantRefresh || row.grant == grantAuthorizationCode
		return s.data.isLive(row, now) && fromSignIn && !row.issuedIn.read.Load()
	})
}

// tokens calls wanted with the server's lock held.
func (s *Server) tokens(wanted func(*tokenRow, time.Time) bool) []Token {
	now, w := s.config.Clock(), s.world.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	tokens := []Token{}
	for _, row := range s.data.tokens {
		if wanted(row, now) {
			tokens = append(tokens, Token{
				ID: row.id, UserID: row.userID, ClientID: row.clientID, Name: row.name, Scopes: slices.Clone(row.scopes),
				Revoked: row.revoked, CreatedAt: row.createdAt, ExpiresAt: row.expiresAt, Grant: row.grant,
				AnswerRead: row.issuedIn.read.Load(), Twin: s.data.isTwin(row, w),
			})
		}
	}
	return tokens
}

// LiveRefreshTokens counts the refresh tokens that a refresh would accept now.
func (s *Server) LiveRefreshTokens() int {
	now := s.config.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 0
	for _, row := range s.data.refresh {
		if s.data.isLiveRefresh(row, now) {
			count++
		}
	}
	return count
}

// Accepts says whether the API would accept an access token now.
func (s *Server) Accepts(accessToken string) bool {
	now, w := s.config.Clock(), s.world.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.accepted(accessToken, now, w) != nil
}

// RevokeTokenByID revokes an access token and nothing else, as the product's
// console command does.
func (s *Server) RevokeTokenByID(id string) {
	now := s.config.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.revokeToken(id, now)
}

// ExpireToken lets an access token end now. Its text still names the old time.
func (s *Server) ExpireToken(id string) {
	now := s.config.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if row := s.data.byID[id]; row != nil {
		row.expiresAt = now
	}
}
