package processmakertest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestTheShapeOfTokens(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	got := s.grant(s.passwordFields("admin"))
	token := s.pairOf(got)
	assert.Regexp(t, "^def50200[0-9a-f]+$", token.refresh)
	assert.InDelta(t, 706, len(token.refresh), 30)
	assert.InDelta(t, 980, len(token.access), 8)

	header, claims := decodeJWT(t, token.access)
	assert.Equal(t, map[string]any{"typ": "JWT", "alg": "RS256"}, header)
	assert.Equal(t, json.Number("1795176000.151061"), claims["iat"])
	assert.Equal(t, json.Number("1826712000.151061"), claims["exp"])
	assert.Contains(t, got.body, `"expires_in":31536000,`)

	// Two thirds of a year on, the year to come has a 29 February.
	s.clock.Advance(240*24*time.Hour - 151061*time.Microsecond)
	got = s.grant(s.passwordFields("admin"))
	assert.Contains(t, got.body, `"expires_in":31622400,`)
	_, claims = decodeJWT(t, s.pairOf(got).access)
	assert.Regexp(t, `^\d{10}$`, claims["iat"], "whole seconds have no fraction")
}

func TestEveryChangeToATokenIsNoticed(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	token := s.login("admin")
	for _, text := range []string{token.access, token.refresh} {
		for _, at := range []int{0, 10, len(text) / 2, len(text) - 1} {
			letter := byte('0')
			if text[at] == letter {
				letter = '1'
			}
			changed := text[:at] + string(letter) + text[at+1:]
			assert.False(t, s.server.Accepts(changed))
			assert.Equal(t, http.StatusUnauthorized, s.grant(refreshFields(changed)).status)
		}
	}
	for _, text := range []string{"", ".", "..", "a.b.c", token.access + ".", token.access + "=", "def50200", "def5020"} {
		assert.False(t, s.server.Accepts(text), "%q", text)
		assert.NotEqual(t, http.StatusOK, s.grant(refreshFields(text)).status, "%q", text)
	}
	s.refresh(token.refresh)
}

func TestTheCensusCountsWhatTheAPIAccepts(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	ids := func() []string {
		list := []string{}
		for _, token := range s.server.LiveTokens() {
			list = append(list, token.ID)
		}
		return list
	}
	admin, alice, inactive := s.login("admin"), s.login("alice"), s.login("inactive")
	personal := s.personal(admin, "2", "lease")
	s.grant(fields{"grant_type": "client_credentials", "client_id": "2"})
	assert.Equal(t, []string{admin.jti, alice.jti, inactive.jti, personal.jti}, ids(), "in order of creation, users' tokens only")
	last := s.server.LiveTokens()[3]
	assert.Equal(t, processmakertest.Token{
		ID: personal.jti, UserID: 2, ClientID: 1, Name: "lease", Scopes: []string{}, Grant: "personal_access", AnswerRead: true,
		CreatedAt: last.CreatedAt, ExpiresAt: last.CreatedAt.AddDate(1, 0, 0),
	}, last)

	s.server.RevokeTokenByID(admin.jti)
	s.server.ExpireToken(inactive.jti)
	assert.Equal(t, []string{alice.jti, personal.jti}, ids())
	s.server.DeleteUser("alice")
	assert.Empty(t, ids())
	s.server.RestoreUser("alice")
	assert.Equal(t, []string{alice.jti, personal.jti}, ids())
	s.server.RevokeClient(1)
	assert.Equal(t, []string{alice.jti}, ids())
	assert.Equal(t, 3, s.server.LiveRefreshTokens(), "revoking access tokens leaves refresh tokens alone")
	s.server.RevokeClient(3)
	assert.Empty(t, ids())
	assert.Zero(t, s.server.LiveRefreshTokens())
}

func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	const workers, rounds = 8, 10
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range rounds {
				answer, err := s.tryGrant(s.passwordFields("admin"))
				if !assert.NoError(t, err) {
					return
				}
				answer, err = s.tryGrant(refreshFields(answer.field("refresh_token")))
				if !assert.NoError(t, err) {
					return
				}
				assert.True(t, s.server.Accepts(answer.field("access_token")))
				s.server.LiveTokens()
				s.server.Exchanges()
				s.server.PeakInFlight()
			}
		})
	}
	group.Wait()
	assert.Len(t, s.server.LiveTokens(), workers*rounds)
	assert.Empty(t, s.server.UnreadTokens())
	assert.Equal(t, 2*workers*rounds, s.server.Count(processmakertest.AnyToken))
	assert.Zero(t, s.server.OverlappingRefreshes())
	assert.LessOrEqual(t, s.server.PeakInFlight(processmakertest.AnyToken), workers)
	s.server.ResetLog()
	assert.Zero(t, s.server.Count())
	assert.Zero(t, s.server.PeakInFlight())
}

func TestOneClientAfterAnotherIsNeverTwo(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for range 20 {
		s.client = newHTTPClient(t, nil)
		s.login("admin")
	}
	assert.Equal(t, 1, s.server.PeakInFlight())
	numbers := []int{}
	for _, exchange := range s.server.Exchanges() {
		numbers = append(numbers, exchange.Number)
	}
	assert.IsIncreasing(t, numbers)
}

func TestWhatAnExchangeTells(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	token := s.login("alice")
	exchange := s.lastExchange()
	assert.Equal(t, processmakertest.PasswordGrant, exchange.Endpoint)
	assert.Equal(t, []string{"POST", "/oauth/token", "3", "alice", token.jti}, []string{exchange.Method, exchange.Path, exchange.ClientID, exchange.Username, exchange.TokenID})
	assert.Equal(t, "application/json", exchange.Accept)
	assert.Equal(t, "application/json", exchange.ContentType)
	assert.False(t, exchange.BasicAuth)
	assert.True(t, exchange.At.Equal(s.clock.Now()))
	assert.True(t, strings.HasPrefix(exchange.RemoteAddr, "127.0.0.1:"))

	s.send("POST", "/oauth/token", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded",
		"Authorization", "Basic "+basic("2", s.secret(2)), "User-Agent", "tester")
	exchange = s.lastExchange()
	assert.Equal(t, processmakertest.ClientCredentialsGrant, exchange.Endpoint)
	assert.Equal(t, []string{"2", "tester"}, []string{exchange.ClientID, exchange.UserAgent})
	assert.True(t, exchange.BasicAuth)

	s.api("DELETE", "users/2/tokens/"+token.jti, token.access, "")
	exchange = s.lastExchange()
	assert.Equal(t, processmakertest.DeleteToken, exchange.Endpoint)
	assert.Equal(t, []string{"3", "alice", token.jti}, []string{exchange.ClientID, exchange.Username, exchange.TokenID})
	assert.Equal(t, 500, exchange.Status)
	require.Equal(t, 3, s.server.Count())
}
