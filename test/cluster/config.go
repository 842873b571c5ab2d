package cluster

import (
	"context"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/instance"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// leavings are the ways in which a mount leaves its instance.
func leavings() map[string]func(h *mounttest.Mount) (*logical.Response, error) {
	return map[string]func(h *mounttest.Mount) (*logical.Response, error){
		"moved": func(h *mounttest.Mount) (*logical.Response, error) {
			other, err := processmakertest.Start(processmakertest.Config{Clock: h.Clock.Now})
			if err != nil {
				return nil, err
			}
			h.T.Cleanup(other.Close)
			data := maps.Clone(h.ConfigData())
			data["url"] = other.URL()
			return h.Do(logical.UpdateOperation, "config", data)
		},
		"removed": func(h *mounttest.Mount) (*logical.Response, error) {
			return h.Do(logical.DeleteOperation, "config", nil)
		},
	}
}

// A session that begins while the mount leaves its instance would be one that
// nothing knows the way to any more.
func NoSessionOutlivesTheConfigItBeganUnder(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for kind, test := range map[string]struct {
		during processmakertest.Endpoint
		start  func(t *testing.T) (*mounttest.Mount, func() (*logical.Response, error))
	}{
		"of a password": {processmakertest.PasswordGrant, func(t *testing.T) (*mounttest.Mount, func() (*logical.Response, error)) {
			h := mounttest.NewPersonal(t, mount, nil)
			return h, func() (*logical.Response, error) { return h.Do(logical.ReadOperation, "creds/ci", nil) }
		}},
		"of a person": {processmakertest.AuthorizationCodeGrant, func(t *testing.T) (*mounttest.Mount, func() (*logical.Response, error)) {
			h := mounttest.NewSignIn(t, mount, nil)
			state, code := h.Begin("alice")
			return h, func() (*logical.Response, error) { return h.Complete(state, code) }
		}},
	} {
		for name, leave := range leavings() {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				h, begin := test.start(t)
				h.Pm.Inject(processmakertest.Fault{On: test.during, Do: processmakertest.Replace(func(code int, body []byte) (int, []byte) {
					if resp, err := leave(h); err != nil || resp.IsError() {
						t.Error(mounttest.Message(resp, err))
					}
					return code, body
				})})
				resp, err := begin()
				require.Equal(t, http.StatusConflict, mounttest.Status(resp, err), mounttest.Message(resp, err))
				require.Nil(t, h.Session())
				require.Empty(t, h.LiveIDs())
				require.Empty(t, h.RecordIDs())
			})
		}
	}
}

// A credential that is stored between the last look at the ledger and the
// leaving would be one that nothing can end.
func NoCredentialSlipsPastALeavingConfig(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, leave := range leavings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewReady(t, mount, nil)
			arrived, held := make(chan struct{}), make(chan struct{})
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Hold(held), Match: func(*http.Request) bool {
				close(arrived)
				return true
			}})
			var answered atomic.Bool
			var resp *logical.Response
			read := make(chan error)
			go func() {
				var err error
				resp, err = h.Do(logical.ReadOperation, "creds/ci", nil)
				answered.Store(true)
				read <- err
			}()
			<-arrived
			// The reader goes as far as it gets before the write.
			slip := func(key string) error {
				if key == instance.Key {
					close(held)
					mounttest.Until(func() bool { return len(h.RecordIDs()) == 1 })
					mounttest.Until(func() bool { return answered.Load() || h.Backend.Engine().Instances.Known() == nil })
				}
				return nil
			}
			h.Hook(mounttest.HookedStorage{BeforeDelete: slip})
			h.Storage.BeforePut(func(key string) { _ = slip(key) })
			left, err := leave(h)
			require.Equal(t, 200, mounttest.Status(left, err), mounttest.Message(left, err))
			require.NotEqual(t, 200, mounttest.Status(resp, <-read))
			require.Empty(t, h.LiveIDs())
			require.Empty(t, h.RecordIDs())
		})
	}
}

// What refuses to leave leaves everything as it was.
func ARefusedLeavingKeepsTheClient(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	before := h.Backend.Engine().Instances.Known()
	h.Storage.FailPuts(func(key string) bool { return key == instance.Key })
	_, err := leavings()["moved"](h)
	require.ErrorIs(t, err, mounttest.ErrDiskFull)
	require.Same(t, before, h.Backend.Engine().Instances.Known())
	h.Storage.FailDeletes(true)
	_, err = leavings()["removed"](h)
	require.Error(t, err)
	require.Same(t, before, h.Backend.Engine().Instances.Known())
	h.Storage.FailDeletes(false)
	h.Issue(nil)
	require.NoError(t, before.Client.Probe(context.Background()))
}
