package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// Ending sessions takes as long as ProcessMaker does. A config that is written
// meanwhile is another one, and stays.
func TestAConfigWrittenWhileAnotherIsRemovedStays(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*harness) error{
		"by its deletion": func(h *harness) error {
			_, err := h.do(logical.DeleteOperation, "config", nil)
			return err
		},
		"by the periodic function, later": func(h *harness) error {
			h.tick()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			h.tick()
			l := h.issue(nil)
			h.clock.Advance(engine.UpkeepInterval)
			later := name != "by its deletion"
			if later {
				_, err := h.do(logical.DeleteOperation, "config", nil)
				require.NoError(t, err)
			}
			require.NoError(t, l.tryRevoke())

			arrived, release := h.heldRefreshes()
			done := make(chan error, 1)
			go func() { done <- remove(h) }()
			<-arrived
			h.mustWrite("config", h.configData())
			release()
			err := <-done
			if later {
				require.NoError(t, err)
			} else {
				var coded logical.HTTPCodedError
				require.ErrorAs(t, err, &coded)
				require.Equal(t, http.StatusConflict, coded.Code())
			}
			read := h.read("config")
			require.Equal(t, h.pm.URL(), read["url"])
			h.tick()
			h.issue(nil)
		})
	}
}

// Vault's periodic function serves every mount; it does not wait for
// ProcessMaker.
func TestThePeriodicFunctionDoesNotWaitForProcessMaker(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.tick()
	l := h.issue(nil)
	h.clock.Advance(time.Minute)
	_, err := h.do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.NoError(t, l.tryRevoke())
	h.clock.Advance(engine.UpkeepInterval)
	arrived, release := h.heldRefreshes()
	h.backend.Engine().Tick()
	<-arrived
	release()
	require.NoError(t, h.backend.Engine().Background.Wait(context.Background()))
	require.Empty(t, h.liveIDs())
}
