package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// troubledStorage goes wrong at one operation.
type troubledStorage struct {
	logical.Storage
	mu sync.Mutex
	// at is the operation that goes wrong, counted from 1.
	at, count int
	// effective: it is done all the same, and only its answer is lost.
	effective bool
	// onwards: so does every one after it.
	onwards bool
	then    func()
}

func (s *troubledStorage) goesWrong() (wrong, effective bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if s.count != s.at && (!s.onwards || s.count < s.at) {
		return false, true
	}
	if s.count == s.at && s.then != nil {
		s.then()
	}
	return true, s.effective && s.count == s.at
}

func (s *troubledStorage) do(operation func() error) error {
	wrong, effective := s.goesWrong()
	if effective {
		if err := operation(); err != nil {
			return err
		}
	}
	if wrong {
		return errDiskFull
	}
	return nil
}

func (s *troubledStorage) Get(ctx context.Context, key string) (entry *logical.StorageEntry, err error) {
	err = s.do(func() error { entry, err = s.Storage.Get(ctx, key); return err })
	return entry, err
}

func (s *troubledStorage) Put(ctx context.Context, entry *logical.StorageEntry) error {
	return s.do(func() error { return s.Storage.Put(ctx, entry) })
}

func (s *troubledStorage) Delete(ctx context.Context, key string) error {
	return s.do(func() error { return s.Storage.Delete(ctx, key) })
}

func (s *troubledStorage) List(ctx context.Context, prefix string) (keys []string, err error) {
	err = s.do(func() error { keys, err = s.Storage.List(ctx, prefix); return err })
	return keys, err
}

// newSharedUserHarness has two roles of alice. It starts with nothing in memory.
func newSharedUserHarness(t *testing.T) *harness {
	t.Helper()
	h := newReadyHarness(t, nil)
	h.mustWrite("roles/other", h.roleData(map[string]any{"credential_type": "personal_access_token"}))
	h.restart()
	h.backend.random = rand.Reader
	h.pm.ResetLog()
	return h
}

func (h *harness) rotate() error {
	resp, err := h.do(logical.UpdateOperation, "rotate-role/ci", map[string]any{"update_all": true})
	if err == nil && resp.IsError() {
		err = resp.Error()
	}
	return err
}

// requireWorking requires that both roles issue, that what was cut off is
// settled in the end, and that every live token is known.
func (h *harness) requireWorking(what string) {
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
	known = append(known, h.sessionTokenIDs()...)
	unread := map[string]bool{}
	for _, token := range h.pm.UnreadTokens() {
		unread[token.ID] = true
	}
	for _, id := range h.liveIDs() {
		// Nobody read its answer, or it could be neither ended nor put down.
		if unread[id] || h.reportedByHand(id) {
			continue
		}
		require.Contains(h.t, known, id, what)
	}
	require.NotContains(h.t, h.log.String(), h.password(), what)
}

func (h *harness) sessionTokenIDs() (ids []string) {
	h.t.Helper()
	names, err := h.storage.Storage.List(context.Background(), sessionPrefix)
	require.NoError(h.t, err)
	for _, name := range names {
		stored, err := readSession(context.Background(), h.storage.Storage, name)
		require.NoError(h.t, err)
		ids = append(ids, stored.TokenID)
	}
	return ids
}

// reportedByHand: the log asks for the token to be ended by hand.
func (h *harness) reportedByHand(id string) bool {
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, "by hand") && strings.Contains(line, id) {
			return true
		}
	}
	return false
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
				step, cut := 0, true
				for cut {
					step++
					h := newSharedUserHarness(t)
					sound := h.storage.Storage
					troubled := &troubledStorage{Storage: sound, at: step, effective: trouble.effective, onwards: trouble.onwards}
					h.storage.Storage = troubled
					err := h.rotate()
					cut = troubled.count >= step
					h.storage.Storage = sound
					if restart {
						h.restart()
					}
					h.requireWorking(fmt.Sprintf("step %d (%v)", step, err))
				}
				require.Greater(t, step, 12)
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
			step, cut := 0, true
			for cut {
				step++
				h := newSharedUserHarness(t)
				sound := h.storage.Storage
				troubled := &troubledStorage{Storage: sound, at: step, effective: effective, onwards: true, then: h.pm.GoOffline}
				h.storage.Storage = troubled
				err := h.rotate()
				h.storage.Storage = sound
				if cut = troubled.count >= step; cut {
					require.NoError(t, h.pm.GoOnline())
				}
				h.restart()
				h.requireWorking(fmt.Sprintf("step %d (%v)", step, err))
			}
			require.Greater(t, step, 12)
		})
	}
}

func TestTroubleAtAnyExchangeLeavesWorkingRoles(t *testing.T) {
	t.Parallel()
	json := http.Header{"Content-Type": {"application/json"}}
	for name, effect := range map[string]processmakertest.Effect{
		"refused":       processmakertest.Refuse(),
		"answer lost":   processmakertest.LoseAnswer(),
		"server error":  processmakertest.ServerError(),
		"page after":    processmakertest.AnswerAfter(502, nil, ""),
		"throttled":     processmakertest.Throttled(5),
		"not confirmed": processmakertest.FailedSave(),
		"confirmed not": processmakertest.AnswerAfter(200, json, `"false"`),
		"token refused": processmakertest.Answer(401, json, `{"error":"Unauthenticated."}`),
		"login refused": processmakertest.Answer(400, json, `{"error":"invalid_grant"}`),
		"client gone":   processmakertest.Answer(401, json, `{"error":"invalid_client"}`),
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
	step, cut := 0, true
	for cut {
		step++
		h := newSharedUserHarness(t)
		var seen atomic.Int64
		remove := h.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: times, Do: effect, Match: func(*http.Request) bool {
			return seen.Add(1) >= int64(step)
		}})
		err := h.rotate()
		cut = seen.Load() >= int64(step)
		remove()
		if restart {
			h.restart()
		}
		h.requireWorking(fmt.Sprintf("exchange %d, times %d, restart %t (%v)", step, times, restart, err))
	}
	require.Greater(t, step, 5)
}
