package processmakertest_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// refreshTogether sends n refreshes with one token at the same time.
func (s *stage) refreshTogether(token string, n int) []reply {
	answers := make([]reply, n)
	body := s.grantBody(refreshFields(token))
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			answers[i], _ = s.try("POST", "/oauth/token", body, "Content-Type", "application/json", "Accept", "application/json")
		})
	}
	group.Wait()
	return answers
}

func TestRotationKillsBothOldTokensAtOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	old := s.login("admin")
	next := s.refresh(old.refresh)
	assert.False(t, s.server.Accepts(old.access))
	assert.True(t, s.server.Accepts(next.access))
	assert.Equal(t, "Token has been revoked", s.grant(refreshFields(old.refresh)).field("hint"))
	assert.Equal(t, 1, s.server.LiveRefreshTokens())
	s.refresh(next.refresh)
}

func TestOneOfManyRefreshesWins(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	won := 0
	for _, answer := range s.refreshTogether(s.login("admin").refresh, 8) {
		if answer.status == http.StatusOK {
			won++
		}
	}
	assert.Equal(t, 1, won)
	assert.Len(t, s.server.LiveTokens(), 1)
	assert.Equal(t, 1, s.server.LiveRefreshTokens())
}

func TestMeetingRefreshesAllWin(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	old, other := s.login("admin"), s.login("admin")
	s.server.ResetLog()
	s.server.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.MeetRefresh(3)})
	for _, answer := range s.refreshTogether(old.refresh, 3) {
		next := s.pairOf(answer)
		assert.True(t, s.server.Accepts(next.access))
		s.refresh(next.refresh)
	}
	assert.False(t, s.server.Accepts(old.access))
	assert.Equal(t, 2, s.server.OverlappingRefreshes())
	assert.Equal(t, 3, s.server.PeakInFlight(processmakertest.RefreshGrant))
	assert.Len(t, s.server.LiveTokens(), 4)
	assert.Equal(t, http.StatusUnauthorized, s.grant(refreshFields(old.refresh)).status, "the meeting is over")
	s.refresh(other.refresh)
}

func TestAMeetingConcernsOneToken(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	first, second := s.login("admin"), s.login("admin")
	s.server.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.MeetRefresh(2)})
	answered := make(chan []reply, 1)
	s.server.ResetLog()
	go func() { answered <- s.refreshTogether(first.refresh, 1) }()
	until(func() bool { return s.server.Count() == 1 })
	// Which of the two came first is not known to the server otherwise: the
	// second token is refreshed while the first one waits for company.
	s.refresh(second.refresh)
	s.pairOf(s.grant(refreshFields(first.refresh)))
	s.pairOf((<-answered)[0])
}

func TestSomebodyRefusedBeforeTheCheckIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	old := s.login("admin")
	s.server.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.MeetRefresh(2)})
	wrong := refreshFields(old.refresh)
	wrong["client_secret"] = "wrong"
	assert.Equal(t, http.StatusUnauthorized, s.grant(wrong).status)
	s.refresh(old.refresh)
}

func TestAHalfRefreshLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	old := s.login("admin")
	s.server.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.HalfRefresh()})
	got := s.grant(refreshFields(old.refresh))
	assert.Equal(t, http.StatusInternalServerError, got.status)
	assert.Equal(t, "Server Error", got.field("message"))
	assert.Empty(t, s.server.LiveTokens())
	assert.Zero(t, s.server.LiveRefreshTokens())
	assert.Equal(t, "Token has been revoked", s.grant(refreshFields(old.refresh)).field("hint"))
}

func TestHalfRefreshSparesATokenThatIsRefusedAnyway(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	old := s.login("admin")
	s.server.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.HalfRefresh()})
	wider := refreshFields(old.refresh)
	wider["scope"] = "*"
	assert.Equal(t, "invalid_scope", s.grant(wider).field("error"))
	s.refresh(old.refresh)
}

func TestRefreshTokensDieWithTheirKeyAndTheirRow(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	first := s.login("admin")
	s.server.RotateAppKey()
	assert.Equal(t, "Cannot decrypt the refresh token", s.grant(refreshFields(first.refresh)).field("hint"))
	assert.True(t, s.server.Accepts(first.access))
	assert.Zero(t, s.server.LiveRefreshTokens())

	second := s.login("admin")
	third := s.refresh(second.refresh)
	s.server.PurgeRevoked()
	assert.Equal(t, "Token has been revoked", s.grant(refreshFields(second.refresh)).field("hint"))
	s.server.RotatePassportKey()
	assert.False(t, s.server.Accepts(third.access))
	assert.True(t, s.server.Accepts(s.refresh(third.refresh).access))
}

func TestARefreshRestartsBothYears(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	token := s.login("admin")
	for range 3 {
		s.clock.Advance(360 * 24 * time.Hour)
		token = s.refresh(token.refresh)
	}
	assert.True(t, s.server.Accepts(token.access))
	s.clock.Advance(year)
	assert.False(t, s.server.Accepts(token.access))
	assert.Equal(t, "Token has expired", s.grant(refreshFields(token.refresh)).field("hint"))
}

func TestAnotherInstanceCannotReadTokens(t *testing.T) {
	t.Parallel()
	one := newStage(t, func(c *processmakertest.Config) { c.Seed = "one" })
	two := newStage(t, func(c *processmakertest.Config) { c.Seed = "two" })
	token := one.login("admin")
	assert.False(t, two.server.Accepts(token.access))
	assert.Equal(t, "Cannot decrypt the refresh token", two.grant(refreshFields(token.refresh)).field("hint"))

	same := newStage(t, func(c *processmakertest.Config) { c.Seed = "one" })
	require.Equal(t, token, same.login("admin"), "the seed decides everything")
}
