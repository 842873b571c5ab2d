package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

var errKilled = errors.New("the process is dead")

// killer cuts a process off at one of its steps. A step is an operation of
// storage or, unless storage alone fails, an exchange.
type killer struct {
	storageOnly bool
	// answered: an exchange that is the last step is processed, and its answer
	// comes too late.
	answered bool

	mu   sync.Mutex
	left int
	dead bool
}

func (k *killer) step() (last, dead bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead {
		return false, true
	}
	k.left--
	k.dead = k.left == 0
	return k.dead, k.dead
}

func (k *killer) isDead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

// watch makes every step of h count. The function it gives brings storage and
// network back.
func (k *killer) watch(h *mounttest.Mount) (release func()) {
	h.Storage.BeforeAny(func() error {
		if _, dead := k.step(); dead {
			return errKilled
		}
		return nil
	})
	if k.storageOnly {
		return func() { h.Storage.BeforeAny(nil) }
	}
	fault := func(match func() bool, effect processmakertest.Effect) func() {
		return h.Pm.Inject(processmakertest.Fault{
			On: processmakertest.Any, Times: -1, Do: effect,
			Match: func(*http.Request) bool { return match() },
		})
	}
	// A dead process asks nothing, but what it would have asked is refused.
	refuse := fault(k.isDead, processmakertest.Refuse())
	effect := processmakertest.Refuse()
	if k.answered {
		effect = processmakertest.LoseAnswer()
	}
	last := fault(func() bool { last, _ := k.step(); return last }, effect)
	return func() { h.Storage.BeforeAny(nil); refuse(); last() }
}

// madeLast is the token of the last sign-in, refresh or code exchange: the one
// that a process may have held in its hands when it died.
func madeLast(h *mounttest.Mount) string {
	id := ""
	for _, exchange := range h.Pm.Exchanges() {
		switch exchange.Endpoint {
		case processmakertest.PasswordGrant, processmakertest.RefreshGrant, processmakertest.AuthorizationCodeGrant:
			if exchange.Status == http.StatusOK {
				id = exchange.TokenID
			}
		}
	}
	return id
}

// settle lets Vault end its leases, passes every deadline, and requires that
// sessions are then all that lives, each of a role that has it.
func (s *scene) settle(excepted ...string) {
	s.T.Helper()
	excepted = append(excepted, s.foreign...)
	require.Empty(s.T, s.Census(excepted...), "right away")
	for _, l := range s.leases {
		require.NoError(s.T, l.TryRevoke())
	}
	s.Clock.Advance(26 * time.Hour)
	s.Tick()
	require.Empty(s.T, s.RecordIDs())
	// A deleted config goes once the ledger is found empty.
	s.Clock.Advance(engine.UpkeepInterval)
	s.Tick()
	sessions := map[string]bool{}
	names, err := s.Storage.Storage.List(context.Background(), session.Prefix)
	require.NoError(s.T, err)
	for _, name := range names {
		bound := s.Bound(name)
		stored, err := s.Reader().Sessions.Get(context.Background(), name)
		require.NoError(s.T, err)
		require.Equal(s.T, bound.Fingerprint, stored.Fingerprint, "a session of a former role")
		require.Equal(s.T, bound.Config.URL, stored.Fingerprint.URL)
		sessions[stored.TokenID] = true
	}
	for _, token := range s.Pm.LiveTokens() {
		require.True(s.T, sessions[token.ID] || slices.Contains(excepted, token.ID), "lives past its deadline: %+v", token)
	}
	require.NotContains(s.T, s.Log.String(), "panic")
}

// HandlersMayBeKilledAnywhere ends the process at every step of every
// handler, by the storage going away or the process itself, and has the request
// repeated by the next one or not.
func HandlersMayBeKilledAnywhere(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	ways := map[string]struct {
		storageOnly, answered, restarts, repeats bool
	}{
		"storage fails":               {storageOnly: true},
		"storage fails, then a kill":  {storageOnly: true, restarts: true},
		"killed":                      {restarts: true},
		"killed and repeated":         {restarts: true, repeats: true},
		"answer lost":                 {answered: true, restarts: true},
		"answer lost, and repeated":   {answered: true, restarts: true, repeats: true},
		"repeated in the same plugin": {storageOnly: true, repeats: true},
	}
	for name, prepare := range scenes(mount) {
		for wayName, way := range ways {
			if !sampled(name + wayName) {
				continue
			}
			t.Run(name+"/"+wayName, func(t *testing.T) {
				t.Parallel()
				for step := 1; ; step++ {
					var done bool
					t.Run(fmt.Sprint(step), func(t *testing.T) {
						s := prepare(t)
						s.Pm.ResetLog()
						k := &killer{left: step, storageOnly: way.storageOnly, answered: way.answered}
						release := k.watch(s.Mount)
						s.act()
						var excepted []string
						if done = !k.isDead(); !done && !k.storageOnly {
							excepted = append(excepted, madeLast(s.Mount))
						}
						release()
						if way.restarts {
							s.Restart()
						}
						s.Clock.Advance(time.Minute)
						if way.repeats {
							s.act()
						}
						s.settle(excepted...)
						s.works()
					})
					if done || t.Failed() {
						return
					}
				}
			})
		}
	}
}
