package faults

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/telemetry"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// eachScene runs a test on every scene.
func eachScene(t *testing.T, mount mounttest.Maker, way string, test func(t *testing.T, prepare func(*testing.T) *scene)) {
	t.Parallel()
	for name, prepare := range scenes(mount) {
		if !sampled(name + way) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, prepare)
		})
	}
}

// EveryWriteMayFailAlone refuses one write of every handler, and no other.
func EveryWriteMayFailAlone(t *testing.T, mount mounttest.Maker) {
	eachScene(t, mount, "one write fails", func(t *testing.T, prepare func(*testing.T) *scene) {
		for nth := int64(1); ; nth++ {
			var writes atomic.Int64
			t.Run(fmt.Sprint(nth), func(t *testing.T) {
				s := prepare(t)
				s.Answered = s.claimsNoFalseEnd
				s.Storage.FailPuts(func(string) bool { return writes.Add(1) == nth })
				s.act()
				s.Storage.FailPuts(nil)
				s.Clock.Advance(time.Minute)
				s.settle()
				s.works()
			})
			if writes.Load() < nth || t.Failed() {
				return
			}
		}
	})
}

// TheBreakerMayBeOpen when a request begins, and ProcessMaker back.
func TheBreakerMayBeOpen(t *testing.T, mount mounttest.Maker) {
	eachScene(t, mount, "breaker open", func(t *testing.T, prepare func(*testing.T) *scene) {
		s := prepare(t)
		s.Answered = s.claimsNoFalseEnd
		if inst, err := s.Backend.Engine().Instances.Current(context.Background()); err == nil && inst != nil {
			s.GoDown()
			_, err := inst.Client.TokenAlive(context.Background(), client.Token{UserID: "2", ID: "a"})
			require.Error(t, err)
			require.NoError(t, s.Pm.GoOnline())
			require.Equal(t, client.Open, inst.Client.Condition().Breaker)
		}
		s.act()
		s.Clock.Advance(time.Minute)
		s.settle()
		s.works()
	})
}

// TheClockMayBePutBack by an hour, Vault's and not ProcessMaker's, and forth again later.
func TheClockMayBePutBack(t *testing.T, mount mounttest.Maker) {
	eachScene(t, mount, "clock put back", func(t *testing.T, prepare func(*testing.T) *scene) {
		s := prepare(t)
		s.Answered = s.claimsNoFalseEnd
		s.PutBack(time.Hour)
		s.act()
		s.Tick()
		s.PutBack(-time.Hour)
		s.Clock.Advance(time.Minute)
		s.settle()
		s.works()
	})
}

// AListHoldsNothingElseUp: one that does not come, or does not end, is needed for one lost token.
func AListHoldsNothingElseUp(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, list := range map[string]func(stop <-chan struct{}) processmakertest.Effect{
		"slow":    processmakertest.Hold,
		"endless": func(<-chan struct{}) processmakertest.Effect { return processmakertest.EndlessList() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewPersonal(t, mount, nil)
			h.MustWrite("roles/login", h.RoleData(nil))
			h.Issue(nil)
			mounttest.Inject(processmakertest.CreateToken, processmakertest.AnswerAfter(500, nil, "<html>"))(h)
			_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Error(t, err)
			lost := h.LivePersonal()
			resp, err := h.Do(logical.ReadOperation, "creds/login", nil)
			require.NoError(t, err)
			h.Clock.Advance(26 * time.Hour)
			stop := make(chan struct{})
			remove := h.Pm.Inject(processmakertest.Fault{On: processmakertest.ListTokens, Times: -1, Do: list(stop)})
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			_, _ = h.Request(ctx, logical.UpdateOperation, "tidy", nil)
			require.False(t, h.Pm.Accepts(resp.Data["access_token"].(string)), "it needs no list")
			require.Len(t, h.LivePersonal(), len(lost))
			require.Equal(t, "closed", h.Read("status")["breaker"], "a list says nothing of other requests")
			remove()
			close(stop)
			h.Clock.Advance(time.Minute)
			h.Tick()
			require.Empty(t, h.LivePersonal())
			require.Empty(t, h.RecordIDs())
		})
	}
}

// lateWork holds one exchange of a scene until its caller has gone, and carries it out in the end.
type lateWork struct {
	*processmakertest.Freeze
	over chan struct{}
	done chan struct{}
}

// comesLate freezes the nth exchange, or all from it on, and lets a gateway give up waiting for them.
func (s *scene) comesLate(nth int64, all bool, seen *atomic.Int64) *lateWork {
	late := &lateWork{Freeze: &processmakertest.Freeze{}, over: make(chan struct{}), done: make(chan struct{})}
	s.Pm.Inject(processmakertest.Fault{
		On: processmakertest.Any, Times: -1, Do: late.Effect(),
		Match: func(*http.Request) bool {
			number := seen.Add(1)
			return number == nth || all && number > nth
		},
	})
	go func() {
		defer close(late.done)
		for {
			select {
			case <-late.over:
				return
			case <-time.After(time.Millisecond):
				late.Abandon(http.StatusInternalServerError)
			}
		}
	}()
	return late
}

func (l *lateWork) carryOut() {
	close(l.over)
	<-l.done
	l.Thaw()
}

// EveryExchangeMayBeCarriedOutLate, when its caller has long gone: PHP works on. The workers take one
// request late, or stop and take all later.
func EveryExchangeMayBeCarriedOutLate(t *testing.T, mount mounttest.Maker) {
	eachScene(t, mount, "carried out late", func(t *testing.T, prepare func(*testing.T) *scene) {
		for way, all := range map[string]bool{"one": false, "all": true} {
			for nth := int64(1); ; nth++ {
				var seen atomic.Int64
				t.Run(fmt.Sprint(way, nth), func(t *testing.T) { prepare(t).runLate(nth, all, &seen) })
				if seen.Load() < nth || t.Failed() {
					break
				}
			}
		}
	})
}

func (s *scene) runLate(nth int64, all bool, seen *atomic.Int64) {
	s.T.Helper()
	s.Answered = s.claimsNoFalseEnd
	counted := s.counted()
	s.Pm.ResetLog()
	late := s.comesLate(nth, all, seen)
	s.act()
	late.carryOut()
	s.Clock.Advance(time.Minute)
	var unseen []string
	for _, token := range s.Pm.UnreadTokens() {
		if token.Name == "" { // the others are found by their names
			unseen = append(unseen, token.ID)
		}
	}
	s.settle(unseen...)
	strays := s.Census(s.foreign...)
	require.LessOrEqual(s.T, int64(len(strays)), s.counted()-counted, "%+v", strays)
	s.works()
}

// saysEnded are the words in which an answer claims that a token is dead. A credential that "was
// ended already" is one of several guesses.
var saysEnded = regexp.MustCompile(`\b(was|were|is|are|has|have|been) (ended|dead|revoked)\b`)

// claimsNoFalseEnd requires of an answer that it does not say of a living token that it is ended: in
// words, or by a success after which no record knows the token of a lease.
func (s *scene) claimsNoFalseEnd(to string, resp *logical.Response, err error) {
	s.T.Helper()
	text := mounttest.Message(resp, err)
	if resp != nil {
		text += strings.Join(resp.Warnings, "\n")
	}
	known := map[ledger.ID]bool{}
	for _, id := range s.RecordIDs() {
		record := s.Record(id)
		known[id], known[record.FormerID] = true, true
		if record.State == ledger.Due && record.HasToken() && saysEnded.MatchString(text) {
			require.False(s.T, s.Pm.Accepts(record.AccessToken), "the answer to %s: %s", to, text)
		}
	}
	if saysEnded.MatchString(text) {
		require.Empty(s.T, s.Census(s.foreign...), "the answer to %s: %s", to, text)
	}
	for _, l := range s.leases {
		if token, ok := l.Data["access_token"].(string); ok && !known[l.Id()] {
			require.False(s.T, s.Pm.Accepts(token), "the answer to %s says that it is gone", to)
		}
	}
}

// counted is what status counts as unaccounted.
func (s *scene) counted() int64 {
	return s.Backend.Engine().Report.Counted(telemetry.LedgerUnaccounted)
}
