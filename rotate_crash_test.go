package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// requireWorking requires that both roles issue, that what was cut off is
// settled in the end, and that every live token is known.
func requireWorking(h *harness, what string) {
	h.t.Helper()
	h.clock.Advance(2 * time.Minute) // past the breaker and the throttle
	var known []string
	for _, path := range []string{"creds/ci", "creds/other"} {
		resp, err := h.do(logical.ReadOperation, path, nil)
		require.Equal(h.t, 200, status(resp, err), "%s: %s: %s", what, path, message(resp, err))
		known = append(known, resp.Data["token_id"].(string))
	}
	h.clock.Advance(time.Hour)
	h.tick()
	require.Empty(h.t, h.openChanges(), what)
	require.Equal(h.t, h.password(), h.storedPassword("ci"), what)
	require.Equal(h.t, h.password(), h.storedPassword("other"), what)
	known = append(known, h.recordedIDs()...)
	known = append(known, sessionTokenIDs(h)...)
	unread := map[string]bool{}
	for _, token := range h.pm.UnreadTokens() {
		unread[token.ID] = true
	}
	for _, id := range h.liveIDs() {
		// Nobody read its answer, or it could be neither ended nor put down.
		if unread[id] || reportedByHand(h, id) {
			continue
		}
		require.Contains(h.t, known, id, what)
	}
	require.NotContains(h.t, h.log.String(), h.password(), what)
}

func sessionTokenIDs(h *harness) (ids []string) {
	h.t.Helper()
	names, err := h.storage.Storage.List(context.Background(), session.Prefix)
	require.NoError(h.t, err)
	for _, name := range names {
		stored, err := h.reader().Sessions.Get(context.Background(), name)
		require.NoError(h.t, err)
		ids = append(ids, stored.TokenID)
	}
	return ids
}

// reportedByHand: the log asks for the token to be ended by hand.
func reportedByHand(h *harness, id string) bool {
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, "by hand") && strings.Contains(line, id) {
			return true
		}
	}
	return false
}

// rotateOn rotates on storage that goes wrong, and tells whether it came that far.
func rotateOn(h *harness, troubled *troubledStorage) (reached bool, err error) {
	sound := h.storage.Storage
	troubled.Storage = sound
	h.storage.Storage = troubled
	err = h.rotate()
	h.storage.Storage = sound
	return troubled.count >= troubled.at, err
}

// atEachStep has one rotation go wrong at its first step, another at its second
// and so on, until one has no such step. There have to be more than least.
func atEachStep(t *testing.T, what string, least int, rotate func(h *harness, step int) (reached bool, err error)) {
	t.Helper()
	step, reached := 0, true
	for reached {
		step++
		h := newSharedUserHarness(t)
		var err error
		reached, err = rotate(h, step)
		requireWorking(h, fmt.Sprintf("%sstep %d (%v)", what, step, err))
	}
	require.Greater(t, step, least)
}

func TestStorageTroubleAtAnyStepLeavesWorkingRoles(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]*troubledStorage{
		"refused":     {},
		"answer lost": {effective: true},
		"for good":    {onwards: true},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %t", name, restart), func(t *testing.T) {
				t.Parallel()
				atEachStep(t, "", 12, func(h *harness, step int) (bool, error) {
					reached, err := rotateOn(h, &troubledStorage{at: step, effective: trouble.effective, onwards: trouble.onwards})
					if restart {
						h.restart()
					}
					return reached, err
				})
			})
		}
	}
}

// TestACrashAtAnyStepLeavesWorkingRoles cuts the engine off from storage and
// from ProcessMaker at once, as its death does.
func TestACrashAtAnyStepLeavesWorkingRoles(t *testing.T) {
	t.Parallel()
	for _, effective := range []bool{false, true} {
		t.Run(fmt.Sprintf("storing %t", effective), func(t *testing.T) {
			t.Parallel()
			atEachStep(t, "", 12, func(h *harness, step int) (bool, error) {
				reached, err := rotateOn(h, &troubledStorage{at: step, effective: effective, onwards: true, then: h.pm.GoOffline})
				if reached {
					require.NoError(t, h.pm.GoOnline())
				}
				h.restart()
				return reached, err
			})
		})
	}
}

func TestTroubleAtAnyExchangeLeavesWorkingRoles(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]processmakertest.Effect{
		"refused":       processmakertest.Refuse(),
		"answer lost":   processmakertest.LoseAnswer(),
		"server error":  processmakertest.ServerError(),
		"page after":    processmakertest.AnswerAfter(502, nil, ""),
		"throttled":     processmakertest.Throttled(5),
		"not confirmed": processmakertest.FailedSave(),
		"confirmed not": processmakertest.AnswerAfter(200, jsonHeader(), `"false"`),
		"token refused": processmakertest.Answer(401, jsonHeader(), `{"error":"Unauthenticated."}`),
		"login refused": processmakertest.Answer(400, jsonHeader(), `{"error":"invalid_grant"}`),
		"client gone":   processmakertest.Answer(401, jsonHeader(), `{"error":"invalid_client"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			troubleAtEachExchange(t, effect, 1, false)
			troubleAtEachExchange(t, effect, 1, true)
			if name != "token refused" { // what ProcessMaker keeps calling dead is taken for dead
				troubleAtEachExchange(t, effect, -1, true)
			}
		})
	}
}

// troubleAtEachExchange lets it happen to each exchange of a rotation in turn,
// once or from there on.
func troubleAtEachExchange(t *testing.T, effect processmakertest.Effect, times int, restart bool) {
	t.Helper()
	what := fmt.Sprintf("times %d, restart %t, ", times, restart)
	atEachStep(t, what, 5, func(h *harness, step int) (bool, error) {
		var seen atomic.Int64
		remove := h.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: times, Do: effect, Match: func(*http.Request) bool {
			return seen.Add(1) >= int64(step)
		}})
		err := h.rotate()
		reached := seen.Load() >= int64(step)
		remove()
		if restart {
			h.restart()
		}
		return reached, err
	})
}
