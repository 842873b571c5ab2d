package main

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// Not parallel: it counts the goroutines of the whole process.
func TestNoGoroutineOutlivesItsMount(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("a mount with every trouble", func(t *testing.T) {
		h := newStaticHarness(t, map[string]any{"credential_type": "personal_access_token"})
		h.MustWrite("roles/login", h.RoleData(nil))
		for _, effect := range []processmakertest.Effect{
			processmakertest.Refuse(), processmakertest.LoseAnswer(), processmakertest.Truncated(),
			processmakertest.ServerError(), processmakertest.HTMLPage(http.StatusBadGateway), processmakertest.HalfRefresh(),
		} {
			for _, endpoint := range []processmakertest.Endpoint{
				processmakertest.PasswordGrant, processmakertest.RefreshGrant, processmakertest.CreateToken,
				processmakertest.DeleteToken, processmakertest.ListTokens,
			} {
				useUnder(h, processmakertest.Fault{On: endpoint, Do: effect})
			}
		}
	})
	// Not require.Eventually, which counts itself.
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("goroutines that are left over:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// useUnder does a bit of everything while a fault waits to happen, and gives the
// engine time to get over it.
func useUnder(h *mounttest.Mount, fault processmakertest.Fault) {
	h.T.Helper()
	remove := h.Pm.Inject(fault)
	defer remove()
	for _, path := range []string{"creds/ci", "creds/login", "static-creds/ci"} {
		resp, err := h.Do(logical.ReadOperation, path, nil)
		if err != nil || resp.IsError() || resp.Secret == nil {
			continue
		}
		l := h.Register(path, resp)
		h.Clock.Advance(time.Minute)
		if resp, err := h.Backend.HandleRequest(context.Background(), l.RenewRequest(0)); err == nil && !resp.IsError() {
			l.Data, l.Secret = resp.Data, *resp.Secret
		}
		_ = l.TryRevoke()
	}
	h.Tick()
	h.Clock.Advance(time.Hour)
}
