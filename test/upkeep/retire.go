package upkeep

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// held makes requests of one kind wait. arrived has an entry for each that came.
func held(h *mounttest.Mount, on processmakertest.Endpoint) (arrived <-chan struct{}, release func()) {
	came, until := make(chan struct{}, 100), make(chan struct{})
	h.Pm.Inject(processmakertest.Fault{On: on, Times: -1, Do: processmakertest.Hold(until), Match: func(*http.Request) bool {
		came <- struct{}{}
		return true
	}})
	return came, func() { close(until) }
}

// AMovedMountLivesOn: Vault taints a mount that is moved as one that is disabled, and takes that back.
func AMovedMountLivesOn(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewStatic(t, mount, map[string]any{"credential_type": "personal_access_token"})
	h.MustWrite("roles/login", h.RoleData(nil))
	personal := h.Issue(nil)
	h.Read("static-creds/ci")
	h.Read("creds/login")
	require.Len(t, h.LiveIDs(), 4)
	h.Clock.Advance(time.Minute)
	h.Taint()
	h.Rollback()
	require.Empty(t, h.LiveIDs())
	h.Pm.ResetLog()
	require.NoError(t, personal.TryRevoke(), "which Vault does next")
	require.Zero(t, h.Pm.Count())
	h.Untaint()

	for _, path := range []string{"creds/ci", "creds/login", "static-creds/ci"} {
		id := h.Read(path)["token_id"]
		require.Contains(t, h.LiveIDs(), id, path)
	}
	require.Len(t, h.LiveIDs(), 4)
	require.NotNil(t, h.Session())
}

// ARequestFromBeforeTheTaintLeavesNothing: what it is given is ended too.
func ARequestFromBeforeTheTaintLeavesNothing(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	arrived, release := held(h, processmakertest.PasswordGrant)
	read := make(chan error, 1)
	go func() {
		_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
		read <- err
	}()
	<-arrived
	h.Taint()
	retired := make(chan error, 1)
	go func() {
		_, err := h.Do(logical.RollbackOperation, "", nil)
		retired <- err
	}()
	release()
	require.NoError(t, <-read)
	require.NoError(t, <-retired)
	require.Empty(t, h.LiveIDs())
	require.Empty(t, h.RecordIDs())
}

// SessionsOfADisabledMountEndTogether: eight at a time, since each can take as long as ProcessMaker.
func SessionsOfADisabledMountEndTogether(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	const roles, together = 20, 8
	h := mounttest.New(t, mount)
	h.MustWrite("config", h.ConfigData())
	for i := range roles {
		name := fmt.Sprintf("r%d", i)
		h.MustWrite("roles/"+name, h.RoleData(map[string]any{"credential_type": "personal_access_token"}))
		h.Read("creds/" + name)
	}
	require.Len(t, h.LiveIDs(), 2*roles)
	h.Clock.Advance(time.Minute)
	arrived, release := held(h, processmakertest.RefreshGrant)
	h.Taint()
	retired := make(chan error, 1)
	go func() {
		_, err := h.Do(logical.RollbackOperation, "", nil)
		retired <- err
	}()
	for range together {
		<-arrived
	}
	release()
	require.NoError(t, <-retired)
	require.Empty(t, h.LiveIDs())
	require.Equal(t, together, h.Pm.PeakInFlight(processmakertest.RefreshGrant))
}

// ACleanupDoesNotWaitForProcessMaker: Vault's plugin server serves no other mount meanwhile.
func ACleanupDoesNotWaitForProcessMaker(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	session := h.Session()
	h.Clock.Advance(time.Minute)
	_, releaseTokens := held(h, processmakertest.DeleteToken)
	_, releaseSessions := held(h, processmakertest.RefreshGrant)
	defer releaseTokens()
	defer releaseSessions()
	h.Taint()
	h.Backend.Cleanup(context.Background())
	require.Regexp(t, "by hand.*"+session.TokenID, h.Log.String())
	require.Regexp(t, "by hand.*vault:", h.Log.String())
}
