//go:build unix

package acceptance

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// deadRefreshStatus is what ProcessMaker answers to a used refresh token: before
// Passport 13 it deviates from RFC 6749 §5.2.
func deadRefreshStatus(t *testing.T) int {
	t.Helper()
	passport, err := processmakertest.PassportWanted()
	require.NoError(t, err)
	if passport == 13 {
		return http.StatusBadRequest
	}
	return http.StatusUnauthorized
}

// importing is a role whose session is imported.
var importing = merge(personal, fields{"grant_type": "refresh_token"})

// A refresh token that another client got becomes the engine's alone.
func TestImportOfARefreshToken(t *testing.T) {
	t.Parallel()
	for _, form := range requestForms[:2] {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			m := newSessionMount(t)
			m.write("roles/ci", importing)
			_, err := m.tryRead("ci")
			requireStatus(t, err, http.StatusBadRequest, "vault write", "sessions/ci", "refresh_token")
			theirs := form.signInAs(m, "alice")

			answer := m.write("sessions/ci", fields{"refresh_token": theirs.RefreshToken})
			assert.Equal(t, "active", answer.Data["state"])
			assert.Equal(t, "alice", answer.Data["username"])
			assert.False(t, m.accepts(theirs.AccessToken), "the other client's access token")
			status, _ := form.refresh(m, theirs.RefreshToken)
			assert.Equal(t, deadRefreshStatus(t), status, "the other client's refresh token")
			assert.Equal(t, 1, m.pm.LiveRefreshTokens())
			requireStatus(t, m.tryWrite("sessions/ci", fields{"refresh_token": theirs.RefreshToken}), http.StatusBadRequest, "refresh token")

			c := m.read("ci")
			assert.True(t, m.accepts(c.Token))
			assert.Equal(t, "alice", c.Data["username"])
			assert.Zero(t, m.pm.Count(processmakertest.PasswordGrant)-1, "sign-ins but the other client's")

			// Another import takes the place of the first and leaves nothing of it.
			again := form.signInAs(m, "alice")
			m.write("sessions/ci", fields{"refresh_token": again.RefreshToken})
			assert.Len(t, m.pm.LiveTokens(), 2, "the lease's and the session's")
			assert.True(t, m.accepts(m.read("ci").Token))
		})
	}
}

func TestImportsThatAreRefused(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.writeRole("byPassword", personal)
	m.write("roles/ci", importing)
	theirs := requestForms[1].signInAs(m, "alice")
	calls := m.pm.Count(processmakertest.AnyToken)
	for path, body := range map[string]fields{
		"sessions/byPassword": {"refresh_token": theirs.RefreshToken},
		"sessions/nosuchrole": {"refresh_token": theirs.RefreshToken},
		"sessions/ci":         {"code": "x", "state": "y"},
		"authorize/ci":        {},
	} {
		requireStatus(t, m.tryWrite(path, body), http.StatusBadRequest)
	}
	requireStatus(t, m.tryWrite("sessions/ci", fields{"refresh_token": theirs.RefreshToken, "code": "x"}), http.StatusBadRequest)
	assert.Equal(t, calls, m.pm.Count(processmakertest.AnyToken), "token calls for what cannot work")
	assert.True(t, m.accepts(theirs.AccessToken))
	requireStatus(t, m.tryWrite("sessions/ci", fields{"refresh_token": "no-token"}), http.StatusBadRequest, "refresh token")
	assert.Empty(t, m.list("sessions"))

	m.write("sessions/ci", fields{"refresh_token": theirs.RefreshToken})
	require.Equal(t, []string{"ci"}, m.list("sessions"))
	// Somebody else's token does not take a session over.
	others := requestForms[1].signInAs(m, "admin")
	requireStatus(t, m.tryWrite("sessions/ci", fields{"refresh_token": others.RefreshToken}), http.StatusBadRequest, "session_user_id")
	assert.False(t, m.accepts(others.AccessToken))
	status, _ := requestForms[1].refresh(m, others.RefreshToken)
	assert.Equal(t, deadRefreshStatus(t), status)
	assert.Len(t, m.pm.LiveTokens(), 1, "the session's")
	assert.Equal(t, "alice", m.get("sessions/ci")["username"])
}
