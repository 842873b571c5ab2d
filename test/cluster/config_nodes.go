package cluster

import (
	"context"
	"net/http"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// The old node, which removes a deleted config, ends the sessions first. The new
// node stores another config meanwhile.
func AnOldNodeRemovesNoConfigOfTheNewOne(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	c := newCluster(mounttest.NewPersonal(t, mount, nil))
	c.Tick()
	l := c.Issue(nil)
	c.Clock.Advance(time.Minute)
	_, err := c.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.NoError(t, l.TryRevoke())
	c.Clock.Advance(engine.UpkeepInterval)
	arrived, release := c.HeldRefreshes()
	c.Backend.Engine().Tick()
	<-arrived
	resp, err := c.onNext(&logical.Request{Operation: logical.UpdateOperation, Path: "config", Data: c.ConfigData()})
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	release()
	require.NoError(t, c.Backend.Engine().Background.Wait(context.Background()))
	c.Mount.Backend = c.NewNode(c.Random)
	t.Cleanup(func() { c.Mount.Backend.Cleanup(context.Background()) })
	require.Equal(t, c.Pm.URL(), c.Read("config")["url"])
	c.Issue(nil)
}

// A write is checked with ProcessMaker before it is stored.
func AnOldNodeReplacesNothingThatTheNewOneWrote(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for path, test := range map[string]struct {
		during   processmakertest.Endpoint
		old, new map[string]any
	}{
		"config":   {processmakertest.Any, map[string]any{"request_timeout": "20s"}, map[string]any{"request_timeout": "25s", "verify_connection": false}},
		"roles/ci": {processmakertest.PasswordGrant, map[string]any{"ttl": "20m", "verify": true}, map[string]any{"ttl": "25m"}},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			c := newCluster(mounttest.NewReady(t, mount, nil))
			c.Pm.Inject(processmakertest.Fault{On: test.during, Do: processmakertest.Replace(func(code int, body []byte) (int, []byte) {
				resp, err := c.onNext(&logical.Request{Operation: logical.UpdateOperation, Path: path, Data: test.new})
				if mounttest.Status(resp, err) != 200 {
					t.Error(mounttest.Message(resp, err))
				}
				return code, body
			})})
			resp, err := c.onOld(&logical.Request{Operation: logical.UpdateOperation, Path: path, Data: test.old})
			require.Equal(t, http.StatusConflict, mounttest.Status(resp, err), mounttest.Message(resp, err))
			c.Mount.Backend = c.NewNode(c.Random)
			t.Cleanup(func() { c.Mount.Backend.Cleanup(context.Background()) })
			for field, want := range map[string]any{"request_timeout": int64(25), "ttl": int64(1500)} {
				if got, ok := c.Read(path)[field]; ok {
					require.Equal(t, want, got)
				}
			}
			c.Issue(nil)
		})
	}
}
