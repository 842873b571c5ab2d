//go:build unix

package acceptance

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// passwordPolicy writes a policy of Vault's own and gives its name.
func (m *mount) passwordPolicy(charset string) string {
	m.t.Helper()
	policy := `length = 24
rule "charset" { charset = "` + charset + `" min-chars = 1 }
rule "charset" { charset = "abcdefghijklmnopqrstuvwxyz" min-chars = 8 }
rule "charset" { charset = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" min-chars = 1 }
rule "charset" { charset = "0123456789" min-chars = 1 }`
	name := m.path + "-" + strings.ToLower(charset[:1])
	_, err := m.client.Logical().Write("sys/policies/password/"+name, fields{"policy": policy})
	require.NoError(m.t, err)
	return name
}

func TestRotateRoleByAPasswordPolicy(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	requireStatus(t, m.tryWrite("config", fields{"password_policy": "no-such-policy"}), http.StatusBadRequest, "no policy of that name")
	requireStatus(t, m.tryWrite("config", fields{"password_policy": m.passwordPolicy("<>{}")}), http.StatusBadRequest, "< > { }")
	m.write("config", fields{"password_policy": m.passwordPolicy("^")})
	m.writeRole("other", personal)
	requireStatus(t, m.tryWrite("rotate-role/ci", nil), http.StatusBadRequest, `"other"`, "update_all=true")

	held := m.read("ci")
	before := m.pm.User("alice").Password
	answer := m.write("rotate-role/ci", fields{"update_all": true})
	assert.ElementsMatch(t, []string{"username", "roles", "rotated_time"}, keys(answer.Data))
	assert.Equal(t, []any{"ci", "other"}, answer.Data["roles"])
	assert.Contains(t, strings.Join(answer.Warnings, "\n"), "vault write "+m.path+"/credentials/revoke role=ci")
	after := m.pm.User("alice").Password
	assert.NotEqual(t, before, after)
	assert.Regexp(t, `^[a-zA-Z0-9^]{24}$`, after)

	m.requireAccounted()
	assert.True(t, m.accepts(held.Token), "a change of the password ends no token")
	_, ended, _ := m.endAll(fields{"role": "ci"})
	assert.EqualValues(t, 1, ended)
	assert.False(t, m.accepts(held.Token))
	for _, role := range []string{"ci", "other"} {
		assert.True(t, m.accepts(m.read(role).Token), role)
	}
}

// ProcessMaker has changed the password and its answer is on the way when the
// plugin dies.
func TestRotationCutByACrashOfThePlugin(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t, onServer(ownServer(t)))
	m.writeRole("other", personal)
	before := m.pm.User("alice").Password
	release, ended := make(chan struct{}), make(chan error)
	m.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: processmakertest.HoldAnswer(release)})
	go func() { ended <- m.tryWrite("rotate-role/ci", fields{"update_all": true}) }()
	eventually(t, "the password is changed", func() bool { return m.pm.User("alice").Password != before })

	pids, err := m.server.PluginPIDs()
	require.NoError(t, err)
	require.Len(t, pids, 1)
	require.NoError(t, syscall.Kill(pids[0], syscall.SIGKILL))
	eventually(t, "Vault has started the plugin anew", func() bool {
		_, err := m.client.Logical().Read(m.at("config"))
		now, pidErr := m.server.PluginPIDs()
		return err == nil && pidErr == nil && len(now) == 1 && now[0] != pids[0]
	})
	close(release)
	<-ended // Vault may have repeated it, or not

	for _, role := range []string{"ci", "other"} {
		assert.True(t, m.accepts(m.read(role).Token), role)
	}
	m.requireAccounted()
	m.write("rotate-role/ci", fields{"update_all": true})
	assert.True(t, m.accepts(m.read("ci").Token))
	m.requireAccounted()
}
