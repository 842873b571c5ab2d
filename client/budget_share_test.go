package client

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

// asker asks for a token call again and again.
type asker struct {
	caller Caller
	from   time.Duration
	every  time.Duration

	asked, made, refused int
	longest              time.Duration
	waiting              []waitingTurn
}

type waitingTurn struct {
	*turn
	since time.Time
}

// share lets askers spend a budget of limit calls a minute for a time, in ticks of
// 20 ms, and requires that no minute sees more calls than that.
func share(t *testing.T, limit int, lasts time.Duration, askers ...*asker) (made int) {
	t.Helper()
	const tick = 20 * time.Millisecond
	clk := clocktest.New(noon)
	b := newBudget(clk, limit)
	var calls []time.Time
	for now := time.Duration(0); now < lasts; now += tick {
		for _, a := range askers {
			if now >= a.from && (now-a.from)%a.every == 0 {
				turn := &turn{caller: a.caller}
				b.enter(turn)
				a.asked++
				a.waiting = append(a.waiting, waitingTurn{turn, clk.Now()})
			}
			kept := a.waiting[:0]
			for _, one := range a.waiting {
				_, err := b.proceed(one.turn, "test", one.since.Add(budgetLongestWait))
				switch {
				case err != nil:
					require.Equal(t, Throttled, KindOf(err))
					a.refused++
				case one.done:
					calls = append(calls, clk.Now())
					a.made++
					a.longest = max(a.longest, clk.Now().Sub(one.since))
				default:
					kept = append(kept, one)
				}
			}
			a.waiting = kept
		}
		clk.Advance(tick)
	}
	for i := limit; i < len(calls); i++ {
		require.Greater(t, calls[i].Sub(calls[i-limit]), time.Minute-tick)
	}
	for _, a := range askers {
		require.LessOrEqual(t, a.longest, budgetLongestWait)
	}
	return len(calls)
}

func busy(role string) *asker {
	return &asker{caller: Caller{Role: role}, every: 20 * time.Millisecond}
}

func TestABusyRoleLeavesTheOthersTheirShare(t *testing.T) {
	t.Parallel()
	a, b := busy("a"), &asker{caller: Caller{Role: "b"}, every: time.Second}
	made := share(t, 60, 4*time.Minute, a, b)
	require.InDelta(t, made/2, b.made, float64(made)/20, "its half")
	require.InDelta(t, made/2, a.made, float64(made)/20)
	require.Greater(t, made, 3*50)
}

func TestARoleThatAsksForLittleGetsIt(t *testing.T) {
	t.Parallel()
	for _, from := range []time.Duration{0, 10 * time.Second, 2 * time.Minute} {
		for _, every := range []time.Duration{4 * time.Second, time.Minute, 100 * time.Second} {
			a, b := busy("a"), &asker{caller: Caller{Role: "b"}, from: from, every: every}
			share(t, 60, 4*time.Minute, a, b)
			if from == 0 || every > 4*time.Second {
				require.Zero(t, b.refused, "from %s every %s", from, every)
			}
			require.Less(t, b.refused, 15, "from %s every %s: it finds the minute's calls taken once at most", from, every)
			require.Positive(t, a.made)
		}
	}
}

func TestSeveralRolesShareEvenly(t *testing.T) {
	t.Parallel()
	askers := []*asker{busy("a"), busy("b"), busy("c"), busy("d")}
	made := share(t, 60, 3*time.Minute, askers...)
	for _, a := range askers {
		require.InDelta(t, made/4, a.made, float64(made)/20)
	}
}

func TestATenthIsKeptForSessionsAndRenewals(t *testing.T) {
	t.Parallel()
	a := busy("a")
	renewals := &asker{caller: Caller{Role: "a", Kept: true}, from: 10 * time.Second, every: 12 * time.Second}
	share(t, 60, 4*time.Minute, a, renewals)
	require.Zero(t, renewals.refused)
	require.Zero(t, renewals.longest, "not even a wait")

	reads := busy("a")
	require.LessOrEqual(t, share(t, 60, time.Minute, reads), 54)
}

func TestARoleOnItsOwnGetsNearlyAll(t *testing.T) {
	t.Parallel()
	require.Equal(t, 51, share(t, 60, time.Minute, busy("a")))
	require.Equal(t, 9, share(t, 10, time.Minute, busy("a")))
	require.Equal(t, 1, share(t, 1, time.Minute, busy("a")))
}

func TestManyRolesNeverExceedTheLimit(t *testing.T) {
	t.Parallel()
	var askers []*asker
	for i := range 40 {
		askers = append(askers, &asker{caller: Caller{Role: string(rune('A' + i)), Kept: i%5 == 0}, every: time.Duration(1+i) * 100 * time.Millisecond})
	}
	require.Greater(t, share(t, 20, 3*time.Minute, askers...), 50)
}

func TestRolesThatAskNoMoreAreForgotten(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBudget(clk, 60)
	for i := range 100 {
		turn := &turn{caller: Caller{Role: string(rune('A' + i))}}
		b.enter(turn)
		b.leave(turn)
		clk.Advance(time.Second)
	}
	clk.Advance(3 * time.Minute)
	_, err := b.wait(context.Background(), "test", Caller{Role: "last"})
	require.NoError(t, err)
	require.Len(t, b.asked, 1)
	require.Len(t, b.tally.byRole, 1)
	require.Empty(t, b.line.queues)
}

func TestReadsLeaveATenthOfTheServersCount(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBudget(clk, 60)
	b.learn(200, header("X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "6"))
	require.Equal(t, noon.Add(budgetWindow), earliest(b, Caller{Role: "a"}))
	require.Equal(t, noon, earliest(b, Caller{Role: "a", Kept: true}))
	b.learn(200, header("X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "0"))
	require.Equal(t, noon.Add(budgetWindow), earliest(b, Caller{Role: "a", Kept: true}))
}

// TestACallTakenBackServesTheNext: the next in line sleeps until a call of the
// last minute is over, and is woken before that.
func TestACallTakenBackServesTheNext(t *testing.T) {
	t.Parallel()
	clk := clocktest.New(noon)
	b := newBudget(clk, 1)
	takeBack, err := b.wait(context.Background(), "test", Caller{Role: "a"})
	require.NoError(t, err)
	clk.Advance(50 * time.Second)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := b.wait(context.Background(), "test", Caller{Role: "b"})
		require.NoError(t, err)
	})
	clk.WaitForSleepers(1)
	takeBack()
	wg.Wait()
	require.Equal(t, noon.Add(50*time.Second), clk.Now())
}

func TestAShareThatIsUsedUpIsNamed(t *testing.T) {
	t.Parallel()
	b := newBudget(clocktest.New(noon), 60)
	b.tally.know("b")
	var err error
	for err == nil {
		_, err = b.wait(context.Background(), "test", Caller{Role: "a"})
	}
	require.ErrorContains(t, err, "the role's share")
}
