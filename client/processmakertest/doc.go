// Package processmakertest is a ProcessMaker for tests, in the manner of
// net/http/httptest: a real HTTP server on a local address that answers the
// token endpoint, the authorization endpoint, the user calls and the token calls
// as ProcessMaker 4 does, whose OAuth server is Laravel Passport on
// league/oauth2-server. The login form is the double's own, plain one. There are
// two of them: Config.Passport chooses between Passport 12, which all current
// releases have, and Passport 13, which the next ones have; SetPassport upgrades
// a running server.
//
// It goes beyond a stub in three ways. It keeps the books, so that a test can
// ask which tokens are alive and which of them no client ever got to see
// (LiveTokens, UnreadTokens). It can be made to fail in all the ways that hurt
// an OAuth client (Inject). And it takes the time from the test (Config.Clock),
// so that a year of token lifetime passes in no time at all.
package processmakertest
