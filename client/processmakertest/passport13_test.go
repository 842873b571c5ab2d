package processmakertest_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func passport13(c *processmakertest.Config) { c.Passport = 13 }

// withTwin has user 3, whose number is that of the password client.
func withTwin(t *testing.T) *stage {
	s := newStage(t, passport13)
	s.server.AddUser(processmakertest.User{ID: 3, Username: "twin"})
	return s
}

func TestNoUserOfTheStartIsATwin(t *testing.T) {
	t.Parallel()
	s := newStage(t, passport13)
	for _, user := range s.server.Users() {
		if user.Deleted {
			continue
		}
		id := strconv.FormatInt(user.ID, 10)
		token := s.login(user.Username)
		assert.Equal(t, http.StatusOK, s.api("GET", "users/"+id, token.access, "").status, user.Username)
		assert.Equal(t, http.StatusOK, s.api("GET", "users/"+id, s.personal(token, id, "own").access, "").status, user.Username)
		code := s.server.AuthorizationCode(processmakertest.Approval{ClientID: 2, Username: user.Username, RedirectURI: redirectURI})
		assert.Equal(t, http.StatusOK, s.api("GET", "users/"+id, s.pairOf(s.exchange(code, nil)).access, "").status, user.Username)
	}
	for _, token := range s.server.LiveTokens() {
		assert.False(t, token.Twin)
	}
}

func TestATwinIsRefusedAndLives(t *testing.T) {
	t.Parallel()
	s := withTwin(t)
	twin := s.login("twin")
	next := s.refresh(twin.refresh)
	assert.Equal(t, http.StatusUnauthorized, s.api("GET", "users/3", next.access, "").status)
	assert.Equal(t, http.StatusUnauthorized, s.api("DELETE", "users/3/tokens/"+next.jti, next.access, "").status)
	assert.False(t, s.server.Accepts(next.access))

	live := s.server.LiveTokens()
	require.Len(t, live, 1)
	assert.Equal(t, next.jti, live[0].ID)
	assert.True(t, live[0].Twin)

	s.server.SetClientOwner(3, 1)
	assert.Equal(t, http.StatusOK, s.api("GET", "users/3", next.access, "").status)
	assert.False(t, s.server.LiveTokens()[0].Twin)
}

func TestUsingUpItsRefreshTokenEndsATwin(t *testing.T) {
	t.Parallel()
	s := withTwin(t)
	twin := s.login("twin")
	next := s.refresh(twin.refresh)
	s.server.SetClientOwner(3, 1)
	assert.Equal(t, http.StatusUnauthorized, s.api("GET", "users/3", twin.access, "").status)
	require.Len(t, s.server.LiveTokens(), 1)
	assert.Equal(t, next.jti, s.server.LiveTokens()[0].ID)
}

func TestAPersonalTokenCanBeATwinUntilTheClientIsMended(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *processmakertest.Config) { c.Passport, c.UnmendedPersonalClient = 13, true })
	s.server.AddUser(processmakertest.User{Username: "other", Administrator: true})
	admin := s.login("admin")
	twin := s.personal(admin, "1", "twin")
	assert.Equal(t, http.StatusUnauthorized, s.api("DELETE", "users/1/tokens/"+twin.jti, twin.access, "").status)
	s.server.SetClientOwner(1, 1)
	assert.Equal(t, http.StatusOK, s.api("GET", "users/1", twin.access, "").status)
	s.server.SetClientOwner(1, 0)
	assert.Equal(t, http.StatusUnauthorized, s.api("GET", "users/1", twin.access, "").status)
	assert.Equal(t, http.StatusNoContent, s.api("DELETE", "users/1/tokens/"+twin.jti, s.login("other").access, "").status)
	for _, token := range s.server.LiveTokens() {
		assert.NotEqual(t, twin.jti, token.ID)
	}
}

func TestPassport12KnowsNoTwins(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	// The account has the number of the client.
	assert.Equal(t, http.StatusOK, s.api("GET", "users/3", s.login("inactive").access, "").status)
}

func TestWhatIsRefusedForALostUserOrClientStands(t *testing.T) {
	t.Parallel()
	for _, version := range []int{12, 13} {
		s := newStage(t, func(c *processmakertest.Config) { c.Passport = version })
		token := s.login("alice")
		for _, lose := range []struct{ away, back func() }{
			{func() { s.server.DeleteUser("alice") }, func() { s.server.RestoreUser("alice") }},
			{func() { s.server.RevokeClient(3) }, func() { s.server.RestoreClient(3) }},
		} {
			lose.away()
			assert.Equal(t, http.StatusUnauthorized, s.api("DELETE", "users/2/tokens/"+token.jti, token.access, "").status)
			assert.Empty(t, s.server.LiveTokens())
			assert.Len(t, s.server.StandingTokens(), 1)
			lose.back()
			assert.Equal(t, http.StatusOK, s.api("GET", "users/2", token.access, "").status)
		}
		s.clock.Advance(year)
		assert.Empty(t, s.server.StandingTokens())
	}
}

func TestAnUpgradeKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *processmakertest.Config) { c.PlainSecrets = true })
	alice := s.login("alice")
	personal := s.personal(s.login("admin"), "1", "from before")
	inactive := s.login("inactive")
	require.Error(t, s.server.SetPassport(14))
	require.NoError(t, s.server.SetPassport(13))

	assert.Equal(t, http.StatusOK, s.api("GET", "users/2", alice.access, "").status)
	assert.Equal(t, http.StatusOK, s.api("GET", "users/1", personal.access, "").status, "the script mended its client")
	assert.Equal(t, http.StatusUnauthorized, s.api("GET", "users/3", inactive.access, "").status, "and not the other one")
	refused := s.grant(refreshFields(alice.refresh))
	assert.Equal(t, http.StatusUnauthorized, refused.status)
	assert.Equal(t, "invalid_client", refused.field("error"))
	s.server.HashSecrets()
	s.refresh(alice.refresh)
}

func TestPassport13TakesTheNewestUnrevokedPersonalClient(t *testing.T) {
	t.Parallel()
	for version, status := range map[int]int{12: http.StatusInternalServerError, 13: http.StatusOK} {
		s := newStage(t, func(c *processmakertest.Config) { c.Passport = version })
		newer := s.server.AddClient(processmakertest.Client{PersonalAccess: true, OwnerID: 1})
		s.server.RevokeClient(newer.ID)
		assert.Equal(t, status, s.api("POST", "users/1/tokens", s.login("admin").access, `{"name":"a"}`).status)
	}
}

func TestWorldsThatAreNone(t *testing.T) {
	t.Parallel()
	_, err := processmakertest.Start(processmakertest.Config{Passport: 11})
	require.Error(t, err)
	s := newStage(t, func(c *processmakertest.Config) { c.League9 = true })
	assert.Equal(t, http.StatusBadRequest, s.grant(refreshFields("gone")).status)
}
