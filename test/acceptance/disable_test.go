//go:build unix

package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// Mounts share a process, and the SDK's plugin server serves none of them while it cleans one up.
func TestADisabledMountHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	const sessions = 20
	other := newReadyMount(t)
	slow := newMount(t)
	slow.writeConfig(fields{"token_requests_per_minute": 0, "request_timeout": "30s"})
	for i := range sessions {
		name := fmt.Sprintf("r%d", i)
		slow.writeRole(name, personal)
		slow.read(name)
	}
	require.Len(t, slow.list("sessions"), sessions)
	require.NoError(t, slow.client.Sys().RevokeWithOptions(&api.RevokeOptions{LeaseID: slow.path, Prefix: true, Sync: true}))
	require.Len(t, slow.pm.LiveTokens(), sessions, "the sessions', which end last")
	arrived, until := make(chan struct{}, 1000), make(chan struct{})
	slow.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Hold(until), Match: func(*http.Request) bool {
		arrived <- struct{}{}
		return true
	}})
	disabled := make(chan error, 1)
	go func() { disabled <- slow.client.Sys().Unmount(slow.path) }()
	<-arrived
	other.read("ci")
	other.write("roles/second", other.roleFields(nil))
	select {
	case err := <-disabled:
		require.Fail(t, "the mount was disabled before its tokens were ended", "%v", err)
	default:
	}
	close(until)
	require.NoError(t, <-disabled)
	assert.Empty(t, slow.pm.LiveTokens())
	slow.path = ""
}

// A move revokes the leases, and sessions end with them; roles with a password begin theirs anew.
func TestAMovedMountLivesOn(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	m.writeRole("shared", fields{"rotation_period": "1h"})
	m.read("ci")
	before := m.get("static-creds/shared")["access_token"].(string)
	moved := m.path + "-moved"
	require.NoError(t, m.client.Sys().Remount(m.path, moved))
	m.path = moved
	assert.Empty(t, m.pm.LiveTokens())
	assert.False(t, m.accepts(before))
	assert.True(t, m.accepts(m.read("ci").Token))
	assert.True(t, m.accepts(m.get("static-creds/shared")["access_token"].(string)))
	assert.Len(t, m.pm.LiveTokens(), 3)
}
