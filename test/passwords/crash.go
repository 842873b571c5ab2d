package passwords

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// requireWorking requires that both roles issue, that what was cut off is
// settled in the end, and that every live token is known.
func requireWorking(h *mounttest.Mount, what string) {
	h.T.Helper()
	h.Clock.Advance(2 * time.Minute) // past the breaker and the throttle
	var known []string
	for _, path := range []string{"creds/ci", "creds/other"} {
		resp, err := h.Do(logical.ReadOperation, path, nil)
		require.Equal(h.T, 200, mounttest.Status(resp, err), "%s: %s: %s", what, path, mounttest.Message(resp, err))
		known = append(known, resp.Data["token_id"].(string))
	}
	h.Clock.Advance(time.Hour)
	h.Tick()
	require.Empty(h.T, h.OpenChanges(), what)
	require.Equal(h.T, h.Password(), h.StoredPassword("ci"), what)
	require.Equal(h.T, h.Password(), h.StoredPassword("other"), what)
	known = append(known, h.RecordedIDs()...)
	known = append(known, sessionTokenIDs(h)...)
	unread := map[string]bool{}
	for _, token := range h.Pm.UnreadTokens() {
		unread[token.ID] = true
	}
	for _, id := range h.LiveIDs() {
		// Nobody read its answer, or it could be neither ended nor put down.
		if unread[id] || reportedByHand(h, id) {
			continue
		}
		require.Contains(h.T, known, id, what)
	}
	require.NotContains(h.T, h.Log.String(), h.Password(), what)
}

func sessionTokenIDs(h *mounttest.Mount) (ids []string) {
	h.T.Helper()
	names, err := h.Storage.Storage.List(context.Background(), session.Prefix)
	require.NoError(h.T, err)
	for _, name := range names {
		stored, err := h.Reader().Sessions.Get(context.Background(), name)
		require.NoError(h.T, err)
		ids = append(ids, stored.TokenID)
	}
	return ids
}

// reportedByHand: the log asks for the token to be ended by hand.
func reportedByHand(h *mounttest.Mount, id string) bool {
	for line := range strings.Lines(h.Log.String()) {
		if strings.Contains(line, "by hand") && strings.Contains(line, id) {
			return true
		}
	}
	return false
}

// rotateOn rotates on storage that goes wrong, and tells whether it came that far.
func rotateOn(h *mounttest.Mount, troubled *mounttest.TroubledStorage) (reached bool, err error) {
	sound := h.Storage.Storage
	troubled.Storage = sound
	h.Storage.Storage = troubled
	err = h.Rotate()
	h.Storage.Storage = sound
	return troubled.Count >= troubled.At, err
}

// atEachStep has one rotation go wrong at its first step, another at its second
// and so on, until one has no such step. There have to be more than least.
func atEachStep(t *testing.T, mount mounttest.Maker, what string, least int, rotate func(h *mounttest.Mount, step int) (reached bool, err error)) {
	t.Helper()
	step, reached := 0, true
	for reached {
		step++
		h := mounttest.NewSharedUser(t, mount)
		var err error
		reached, err = rotate(h, step)
		requireWorking(h, fmt.Sprintf("%sstep %d (%v)", what, step, err))
	}
	require.Greater(t, step, least)
}

func StorageTroubleAtAnyStepLeavesWorkingRoles(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, trouble := range map[string]*mounttest.TroubledStorage{
		"refused":     {},
		"answer lost": {Effective: true},
		"for good":    {Onwards: true},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %t", name, restart), func(t *testing.T) {
				t.Parallel()
				atEachStep(t, mount, "", 12, func(h *mounttest.Mount, step int) (bool, error) {
					reached, err := rotateOn(h, &mounttest.TroubledStorage{At: step, Effective: trouble.Effective, Onwards: trouble.Onwards})
					if restart {
						h.Restart()
					}
					return reached, err
				})
			})
		}
	}
}

// ACrashAtAnyStepLeavesWorkingRoles cuts the engine off from storage and
// from ProcessMaker at once, as its death does.
func ACrashAtAnyStepLeavesWorkingRoles(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for _, effective := range []bool{false, true} {
		t.Run(fmt.Sprintf("storing %t", effective), func(t *testing.T) {
			t.Parallel()
			atEachStep(t, mount, "", 12, func(h *mounttest.Mount, step int) (bool, error) {
				reached, err := rotateOn(h, &mounttest.TroubledStorage{At: step, Effective: effective, Onwards: true, Then: h.Pm.GoOffline})
				if reached {
					require.NoError(t, h.Pm.GoOnline())
				}
				h.Restart()
				return reached, err
			})
		})
	}
}

func TroubleAtAnyExchangeLeavesWorkingRoles(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, effect := range map[string]processmakertest.Effect{
		"refused":       processmakertest.Refuse(),
		"answer lost":   processmakertest.LoseAnswer(),
		"server error":  processmakertest.ServerError(),
		"page after":    processmakertest.AnswerAfter(502, nil, ""),
		"throttled":     processmakertest.Throttled(5),
		"not confirmed": processmakertest.FailedSave(),
		"confirmed not": processmakertest.AnswerAfter(200, mounttest.JsonHeader(), `"false"`),
		"token refused": processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"Unauthenticated."}`),
		"login refused": processmakertest.Answer(400, mounttest.JsonHeader(), `{"error":"invalid_grant"}`),
		"client gone":   processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"invalid_client"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			troubleAtEachExchange(t, mount, effect, 1, false)
			troubleAtEachExchange(t, mount, effect, 1, true)
			if name != "token refused" { // what ProcessMaker keeps calling dead is taken for dead
				troubleAtEachExchange(t, mount, effect, -1, true)
			}
		})
	}
}

// troubleAtEachExchange lets it happen to each exchange of a rotation in turn,
// once or from there on.
func troubleAtEachExchange(t *testing.T, mount mounttest.Maker, effect processmakertest.Effect, times int, restart bool) {
	t.Helper()
	what := fmt.Sprintf("times %d, restart %t, ", times, restart)
	atEachStep(t, mount, what, 5, func(h *mounttest.Mount, step int) (bool, error) {
		var seen atomic.Int64
		remove := h.Pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: times, Do: effect, Match: func(*http.Request) bool {
			return seen.Add(1) >= int64(step)
		}})
		err := h.Rotate()
		reached := seen.Load() >= int64(step)
		remove()
		if restart {
			h.Restart()
		}
		return reached, err
	})
}
