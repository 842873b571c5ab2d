package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// The old node, which removes a deleted config, ends the sessions first. The new
// node stores another config meanwhile.
func TestAnOldNodeRemovesNoConfigOfTheNewOne(t *testing.T) {
	t.Parallel()
	c := newCluster(newPersonalHarness(t, nil))
	c.tick()
	l := c.issue(nil)
	c.clock.Advance(time.Minute)
	_, err := c.do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.NoError(t, l.tryRevoke())
	c.clock.Advance(engine.UpkeepInterval)
	arrived, release := c.heldRefreshes()
	c.backend.Engine().Tick()
	<-arrived
	resp, err := c.onNext(&logical.Request{Operation: logical.UpdateOperation, Path: "config", Data: c.configData()})
	require.Equal(t, 200, status(resp, err), message(resp, err))
	release()
	require.NoError(t, c.backend.Engine().Background.Wait(context.Background()))
	c.harness.backend = c.newNode(c.random)
	t.Cleanup(func() { c.harness.backend.Cleanup(context.Background()) })
	require.Equal(t, c.pm.URL(), c.read("config")["url"])
	c.issue(nil)
}

// A write is checked with ProcessMaker before it is stored.
func TestAnOldNodeReplacesNothingThatTheNewOneWrote(t *testing.T) {
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
			c := newCluster(newReadyHarness(t, nil))
			c.pm.Inject(processmakertest.Fault{On: test.during, Do: processmakertest.Replace(func(code int, body []byte) (int, []byte) {
				resp, err := c.onNext(&logical.Request{Operation: logical.UpdateOperation, Path: path, Data: test.new})
				if status(resp, err) != 200 {
					t.Error(message(resp, err))
				}
				return code, body
			})})
			resp, err := c.onOld(&logical.Request{Operation: logical.UpdateOperation, Path: path, Data: test.old})
			require.Equal(t, http.StatusConflict, status(resp, err), message(resp, err))
			c.harness.backend = c.newNode(c.random)
			t.Cleanup(func() { c.harness.backend.Cleanup(context.Background()) })
			for field, want := range map[string]any{"request_timeout": int64(25), "ttl": int64(1500)} {
				if got, ok := c.read(path)[field]; ok {
					require.Equal(t, want, got)
				}
			}
			c.issue(nil)
		})
	}
}
