package upkeep

import (
	"context"
	"net/http"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// Ending sessions takes as long as ProcessMaker does. A config that is written
// meanwhile is another one, and stays.
func AConfigWrittenWhileAnotherIsRemovedStays(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, remove := range map[string]func(*mounttest.Mount) error{
		"by its deletion": func(h *mounttest.Mount) error {
			_, err := h.Do(logical.DeleteOperation, "config", nil)
			return err
		},
		"by the periodic function, later": func(h *mounttest.Mount) error {
			h.Tick()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewPersonal(t, mount, nil)
			h.Tick()
			l := h.Issue(nil)
			h.Clock.Advance(engine.UpkeepInterval)
			later := name != "by its deletion"
			if later {
				_, err := h.Do(logical.DeleteOperation, "config", nil)
				require.NoError(t, err)
			}
			require.NoError(t, l.TryRevoke())

			arrived, release := h.HeldRefreshes()
			done := make(chan error, 1)
			go func() { done <- remove(h) }()
			<-arrived
			h.MustWrite("config", h.ConfigData())
			release()
			err := <-done
			if later {
				require.NoError(t, err)
			} else {
				var coded logical.HTTPCodedError
				require.ErrorAs(t, err, &coded)
				require.Equal(t, http.StatusConflict, coded.Code())
			}
			read := h.Read("config")
			require.Equal(t, h.Pm.URL(), read["url"])
			h.Tick()
			h.Issue(nil)
		})
	}
}

// Vault's periodic function serves every mount; it does not wait for
// ProcessMaker.
func ThePeriodicFunctionDoesNotWaitForProcessMaker(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Tick()
	l := h.Issue(nil)
	h.Clock.Advance(time.Minute)
	_, err := h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.NoError(t, l.TryRevoke())
	h.Clock.Advance(engine.UpkeepInterval)
	arrived, release := h.HeldRefreshes()
	h.Backend.Engine().Tick()
	<-arrived
	release()
	require.NoError(t, h.Backend.Engine().Background.Wait(context.Background()))
	require.Empty(t, h.LiveIDs())
}
