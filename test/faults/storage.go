package faults

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// troubles are the ways in which one exchange can fail.
func troubles() map[string]processmakertest.Effect {
	return map[string]processmakertest.Effect{
		"refused":                processmakertest.Refuse(),
		"answer lost":            processmakertest.LoseAnswer(),
		"truncated":              processmakertest.Truncated(),
		"proxy's 502":            processmakertest.HTMLPage(502),
		"proxy's 502 after work": processmakertest.AnswerAfter(502, nil, "<html>"),
		"proxy's 504 after work": processmakertest.AnswerAfter(504, mounttest.JsonHeader(), `{}`),
		"login page":             processmakertest.HTMLPage(200),
		"login page after work":  processmakertest.AnswerAfter(200, nil, "<html>"),
		"login page, redirected": processmakertest.Redirect("/login"),
		"proxy's 401":            processmakertest.HTMLPage(401),
		"forbidden":              processmakertest.Answer(403, mounttest.JsonHeader(), `{}`),
		"not found":              processmakertest.Answer(404, mounttest.JsonHeader(), `{"error":"Not Found"}`),
		"no tenant":              processmakertest.Answer(499, nil, "{}"),
		"empty success":          processmakertest.Answer(200, mounttest.JsonHeader(), `{}`),
		"huge":                   processmakertest.Huge(),
		"throttled":              processmakertest.Throttled(7),
		"server error":           processmakertest.ServerError(),
		"maintenance":            processmakertest.Maintenance(0),
		"maintenance, announced": processmakertest.Maintenance(30),
		"half a refresh":         processmakertest.HalfRefresh(),
	}
}

// EveryExchangeMayFailInEveryWay gives one exchange of every handler each
// trouble in turn. What lives afterwards and nobody knows is a sign-in, refresh
// or code exchange whose answer never arrived, and nothing else.
func EveryExchangeMayFailInEveryWay(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, prepare := range scenes(mount) {
		for trouble, effect := range troubles() {
			if !sampled(name + trouble) {
				continue
			}
			t.Run(name+"/"+trouble, func(t *testing.T) {
				t.Parallel()
				for nth := int64(1); ; nth++ {
					var happened bool
					t.Run(fmt.Sprint(nth), func(t *testing.T) {
						s := prepare(t)
						s.Answered = s.claimsNoFalseEnd
						s.Pm.ResetLog()
						var seen atomic.Int64
						remove := s.Pm.Inject(processmakertest.Fault{
							On: processmakertest.Any, Times: -1, Do: effect,
							Match: func(*http.Request) bool { return seen.Add(1) == nth },
						})
						s.act()
						remove()
						happened = seen.Load() >= nth
						s.Clock.Advance(time.Minute)
						var unread []string
						for _, token := range s.Pm.UnreadTokens() {
							unread = append(unread, token.ID)
						}
						s.settle(unread...)
						s.works()
					})
					if !happened || t.Failed() {
						return
					}
				}
			})
		}
	}
}
