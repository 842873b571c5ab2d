package processmakertest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// abandonGrant sends a token call and gives up once the server holds it.
func (s *stage) abandonGrant(f fields, freeze *processmakertest.Freeze) {
	s.Helper()
	before := freeze.Held()
	ctx, cancel := context.WithCancel(s.Context())
	request, err := http.NewRequestWithContext(ctx, "POST", s.server.URL()+"/oauth/token", strings.NewReader(s.grantBody(f)))
	require.NoError(s, err)
	request.Header.Set("Content-Type", "application/json")
	go func() {
		until(func() bool { return freeze.Held() > before })
		cancel()
	}()
	_, err = s.client.Do(request)
	require.ErrorIs(s, err, context.Canceled)
}

func TestAnAbandonedRefreshIsCarriedOutAfterLaterCalls(t *testing.T) {
	t.Parallel()
	bothWorlds(t, func(t *testing.T, s *stage) {
		old := s.login("admin")
		freeze := s.server.Freeze(processmakertest.RefreshGrant)
		s.abandonGrant(refreshFields(old.refresh), freeze)
		assert.Equal(t, http.StatusOK, s.api("GET", "users/1", old.access, "").status, "the question has overtaken the refresh")
		assert.Equal(t, 1, freeze.Held())

		freeze.Thaw()
		assert.Equal(t, 0, freeze.Held())
		assert.Equal(t, http.StatusUnauthorized, s.api("GET", "users/1", old.access, "").status)
		unread := s.server.UnreadTokens()
		require.Len(t, unread, 1, "the new pair is nobody's")
		assert.Equal(t, "refresh_token", unread[0].Grant)
		// Nothing is held any more.
		assert.NotEqual(t, http.StatusOK, s.grant(refreshFields(old.refresh)).status)
	})
}

func TestWhatIsHeldIsCarriedOutOneByOneInOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	freeze := s.server.Freeze(processmakertest.PasswordGrant)
	for _, name := range []string{"admin", "alice", "inactive"} {
		s.abandonGrant(s.passwordFields(name), freeze)
	}
	require.True(t, freeze.CarryOut())
	require.Len(t, s.server.LiveTokens(), 1)
	assert.EqualValues(t, 1, s.server.LiveTokens()[0].UserID)

	freeze.Pass()
	s.login("blocked")
	assert.Equal(t, 2, freeze.Held())
	require.True(t, freeze.CarryOut())
	require.True(t, freeze.CarryOut())
	require.False(t, freeze.CarryOut())
	var users []int64
	for _, token := range s.server.LiveTokens() {
		users = append(users, token.UserID)
	}
	assert.Equal(t, []int64{1, 4, 2, 3}, users)
}

func TestACallerThatWaitsGetsItsAnswer(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	freeze := s.server.Freeze(processmakertest.AnyToken)
	answered := make(chan int, 1)
	go func() {
		got, _ := s.tryGrant(s.passwordFields("admin"))
		answered <- got.status
	}()
	until(func() bool { return freeze.Held() == 1 })
	freeze.Thaw()
	assert.Equal(t, http.StatusOK, <-answered)
	assert.Empty(t, s.server.UnreadTokens())
}

func TestAGatewayGivesUpBeforeTheRequestIsCarriedOut(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	old := s.login("admin")
	freeze := s.server.Freeze(processmakertest.RefreshGrant)
	answered := make(chan int, 1)
	go func() {
		got, _ := s.tryGrant(refreshFields(old.refresh))
		answered <- got.status
	}()
	until(func() bool { return freeze.Held() == 1 })
	freeze.Abandon(http.StatusGatewayTimeout)
	assert.Equal(t, http.StatusGatewayTimeout, <-answered)
	assert.False(t, s.lastExchange().Finished)
	assert.True(t, s.server.Accepts(old.access))

	freeze.Thaw()
	assert.False(t, s.server.Accepts(old.access))
	require.Len(t, s.server.UnreadTokens(), 1)
	exchange := s.lastExchange()
	assert.True(t, exchange.Finished)
	assert.Equal(t, http.StatusGatewayTimeout, exchange.Status)
	assert.Equal(t, s.server.UnreadTokens()[0].ID, exchange.TokenID)
}

func TestClosingEndsAFreeze(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	freeze := s.server.Freeze(processmakertest.Any)
	failed := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := s.tryGrant(s.passwordFields("admin"))
			failed <- err
		}()
	}
	until(func() bool { return freeze.Held() == 2 })
	freeze.Abandon(http.StatusGatewayTimeout)
	require.NoError(t, <-failed)
	require.NoError(t, <-failed)
	s.server.Close()
	freeze.Thaw()
	assert.Empty(t, s.server.LiveTokens())
}
