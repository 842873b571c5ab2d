package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// Two who complete a sign-in at once must not both find it open.
func TestTwoAtOnceCompleteASignInOnce(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	state, code := h.Begin("alice")
	var looked atomic.Int32
	h.Hook(mounttest.HookedStorage{AfterGet: func(key string) {
		if strings.HasPrefix(key, session.SignInPrefix) {
			looked.Add(1)
			mounttest.Until(func() bool { return looked.Load() == 2 || h.Backend.Engine().Sessions.LocksInUse() > 0 })
		}
	}})
	h.Pm.ResetLog()
	answers := make(chan int, 2)
	for range 2 {
		go func() { answers <- mounttest.Status(h.Complete(state, code)) }()
	}
	require.ElementsMatch(t, []int{200, 400}, []int{<-answers, <-answers})
	require.Equal(t, 1, h.Pm.Count(processmakertest.AuthorizationCodeGrant))
}

// A refresh token is good once, also one that two bring along at once.
func TestTwoAtOnceImportARefreshTokenOnce(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	roles := []string{"first", "second"}
	for _, role := range roles {
		h.MustWrite("roles/"+role, map[string]any{"grant_type": "refresh_token", "credential_type": "personal_access_token"})
	}
	brought := h.Login("ci")
	// Both meet, unless the one waits for the other.
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.MeetRefresh(2), Match: func(*http.Request) bool {
		return h.Backend.Engine().Sessions.LocksInUse() == 0
	}})
	answers := make(chan int, 2)
	for _, role := range roles {
		go func() {
			answers <- mounttest.Status(h.Do(logical.UpdateOperation, "sessions/"+role, map[string]any{"refresh_token": brought.Refresh}))
		}()
	}
	require.ElementsMatch(t, []int{200, 400}, []int{<-answers, <-answers})
	require.Zero(t, h.Pm.OverlappingRefreshes())
}
