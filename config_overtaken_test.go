package main

import (
	"context"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"

	"vault-plugin-secrets-processmaker/engine/instance"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// leavings are the ways in which a mount leaves its instance.
func leavings() map[string]func(h *harness) (*logical.Response, error) {
	return map[string]func(h *harness) (*logical.Response, error){
		"moved": func(h *harness) (*logical.Response, error) {
			other, err := processmakertest.Start(processmakertest.Config{Clock: h.clock.Now})
			if err != nil {
				return nil, err
			}
			h.t.Cleanup(other.Close)
			data := maps.Clone(h.configData())
			data["url"] = other.URL()
			return h.do(logical.UpdateOperation, "config", data)
		},
		"removed": func(h *harness) (*logical.Response, error) {
			return h.do(logical.DeleteOperation, "config", nil)
		},
	}
}

// A session that begins while the mount leaves its instance would be one that
// nothing knows the way to any more.
func TestNoSessionOutlivesTheConfigItBeganUnder(t *testing.T) {
	t.Parallel()
	for kind, test := range map[string]struct {
		during processmakertest.Endpoint
		start  func(t *testing.T) (*harness, func() (*logical.Response, error))
	}{
		"of a password": {processmakertest.PasswordGrant, func(t *testing.T) (*harness, func() (*logical.Response, error)) {
			h := newPersonalHarness(t, nil)
			return h, func() (*logical.Response, error) { return h.do(logical.ReadOperation, "creds/ci", nil) }
		}},
		"of a person": {processmakertest.AuthorizationCodeGrant, func(t *testing.T) (*harness, func() (*logical.Response, error)) {
			h := newSignInHarness(t, nil)
			state, code := h.begin("alice")
			return h, func() (*logical.Response, error) { return h.complete(state, code) }
		}},
	} {
		for name, leave := range leavings() {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				h, begin := test.start(t)
				h.pm.Inject(processmakertest.Fault{On: test.during, Do: processmakertest.Replace(func(code int, body []byte) (int, []byte) {
					if resp, err := leave(h); err != nil || resp.IsError() {
						t.Error(message(resp, err))
					}
					return code, body
				})})
				resp, err := begin()
				require.Equal(t, http.StatusConflict, status(resp, err), message(resp, err))
				require.Nil(t, h.session())
				require.Empty(t, h.liveIDs())
				require.Empty(t, h.recordIDs())
			})
		}
	}
}

// A credential that is stored between the last look at the ledger and the
// leaving would be one that nothing can end.
func TestNoCredentialSlipsPastALeavingConfig(t *testing.T) {
	t.Parallel()
	for name, leave := range leavings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			arrived, held := make(chan struct{}), make(chan struct{})
			h.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Hold(held), Match: func(*http.Request) bool {
				close(arrived)
				return true
			}})
			var answered atomic.Bool
			var resp *logical.Response
			read := make(chan error)
			go func() {
				var err error
				resp, err = h.do(logical.ReadOperation, "creds/ci", nil)
				answered.Store(true)
				read <- err
			}()
			<-arrived
			// The reader goes as far as it gets before the write.
			slip := func(key string) error {
				if key == instance.Key {
					close(held)
					until(func() bool { return len(h.recordIDs()) == 1 })
					until(func() bool { return answered.Load() || h.backend.Engine().Instances.Known() == nil })
				}
				return nil
			}
			h.hook(hookedStorage{beforeDelete: slip})
			h.storage.beforePut(func(key string) { _ = slip(key) })
			left, err := leave(h)
			require.Equal(t, 200, status(left, err), message(left, err))
			require.NotEqual(t, 200, status(resp, <-read))
			require.Empty(t, h.liveIDs())
			require.Empty(t, h.recordIDs())
		})
	}
}

// What refuses to leave leaves everything as it was.
func TestARefusedLeavingKeepsTheClient(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	before := h.backend.Engine().Instances.Known()
	h.storage.failPuts(func(key string) bool { return key == instance.Key })
	_, err := leavings()["moved"](h)
	require.ErrorIs(t, err, errDiskFull)
	require.Same(t, before, h.backend.Engine().Instances.Known())
	h.storage.failDeletes(true)
	_, err = leavings()["removed"](h)
	require.Error(t, err)
	require.Same(t, before, h.backend.Engine().Instances.Known())
	h.storage.failDeletes(false)
	h.issue(nil)
	require.NoError(t, before.Client.Probe(context.Background()))
}
