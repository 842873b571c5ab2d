package client_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestWhatIsLostAndWhatIsCertainlyNotDone(t *testing.T) {
	t.Parallel()
	answerAfter := func(status int, contentType, body string) processmakertest.Effect {
		return processmakertest.AnswerAfter(status, http.Header{"Content-Type": {contentType}}, body)
	}
	for name, test := range map[string]struct {
		answer                     processmakertest.Effect
		lost, notDone, unreachable bool
	}{
		"a lost answer":          {processmakertest.LoseAnswer(), true, false, false},
		"an answer cut short":    {processmakertest.Truncated(), true, false, false},
		"500 of a page":          {answerAfter(500, "text/html", "<html>"), true, false, false},
		"500 of ProcessMaker":    {answerAfter(500, "application/json", `{"message":"Server Error"}`), true, false, false},
		"502":                    {answerAfter(502, "text/html", "<html>"), true, false, false},
		"503 of a gateway":       {answerAfter(503, "text/html", "<html>"), true, false, false},
		"503 of another":         {answerAfter(503, "application/json", `{"message":"upstream"}`), true, false, false},
		"504":                    {answerAfter(504, "text/html", "<html>"), true, false, false},
		"520":                    {answerAfter(520, "text/html", "<html>"), true, false, false},
		"524":                    {answerAfter(524, "text/html", "<html>"), true, false, false},
		"a success without one":  {answerAfter(200, "application/json", `{}`), true, false, false},
		"maintenance":            {processmakertest.Maintenance(0), false, true, true},
		"maintenance that ends":  {processmakertest.Maintenance(60), false, true, true},
		"throttled":              {processmakertest.Throttled(7), false, true, false},
		"refused":                {jsonAnswer(400, `{"error":"invalid_grant"}`), false, false, false},
		"a redirect":             {processmakertest.Redirect("/elsewhere"), false, false, false},
		"another server's pages": {processmakertest.HTMLPage(404), false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: test.answer})
			_, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
			require.Equal(t, test.lost, client.AnswerLost(err), "%v", err)
			require.Equal(t, test.notDone, client.CertainlyNotDone(err), "%v", err)
			require.Equal(t, test.unreachable, client.Unreachable(err), "%v", err)
		})
	}
}

func TestAnInstanceThatIsDownIsUnreachable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pm.GoOffline()
	for range 2 { // the connection is refused, then the breaker is open
		_, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
		require.True(t, client.CertainlyNotDone(err))
		require.True(t, client.Unreachable(err))
		require.False(t, client.AnswerLost(err))
	}
	bearer := client.Token{UserID: "2", ID: "a", ReceivedAt: noon}
	require.NoError(t, f.pm.GoOnline())
	f.clock.Advance(5 * time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	f.pm.Inject(processmakertest.Fault{On: processmakertest.ShowUser, Do: processmakertest.Replace(func(int, []byte) (int, []byte) {
		cancel()
		return 401, []byte(`{"error":"Unauthenticated."}`)
	})})
	bearer.ReceivedAt = f.clock.Now()
	_, err := f.client.ShowUser(ctx, bearer, "2")
	require.ErrorContains(t, err, "no time to ask again")
	require.True(t, client.CertainlyNotDone(err), "a refused request had no effect")
	require.False(t, client.Unreachable(err), "nor says it anything of others")
}

// TestAStoppedServerLosesFewAnswers: behind a gateway that answers for it at once,
// readers who try again all the time would count each of their tries.
func TestAStoppedServerLosesFewAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	remove := f.pm.Inject(processmakertest.Fault{On: processmakertest.AnyToken, Times: -1, Do: processmakertest.HTMLPage(502)})
	var lost atomic.Int64
	for range 80 {
		var readers sync.WaitGroup
		for range 8 {
			readers.Go(func() {
				if _, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login); client.AnswerLost(err) {
					lost.Add(1)
				}
			})
		}
		readers.Wait()
		f.clock.Advance(100 * time.Millisecond)
	}
	require.LessOrEqual(t, lost.Load(), int64(16))
	require.Equal(t, f.pm.Count(), int(lost.Load()), "what was not asked is not lost")
	remove()
	f.clock.Advance(breakerLongest)
	f.sign(t)
}

// breakerLongest is the longest time that the breaker answers without a call.
const breakerLongest = 30 * time.Second
