//go:build unix

package acceptance

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// sharing is what makes a role share one credential.
var sharing = fields{"rotation_period": "10s", "rotation_overlap": "8s"}

// newSharingMount is a mount whose role app shares a credential.
func newSharingMount(t *testing.T, role fields) *mount {
	t.Helper()
	m := newSessionMount(t)
	m.writeRole("app", merge(sharing, role))
	return m
}

// Readers go by the types of these fields: a ttl that is a text is none.
func TestStaticCredsAnswer(t *testing.T) {
	t.Parallel()
	for name, role := range map[string]fields{"access_token": {}, "personal_access_token": personal} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newSharingMount(t, role)
			secret, err := m.client.Logical().Read(m.at("static-creds/app"))
			require.NoError(t, err)
			assert.Empty(t, secret.LeaseID)
			assert.Zero(t, secret.LeaseDuration)
			assert.False(t, secret.Renewable)
			assert.Empty(t, secret.Warnings)
			assert.ElementsMatch(t, []string{
				"access_token", "token_type", "credential_id", "token_id", "token_expire_time", "user_id", "username",
				"client_id", "role", "credential_type", "ttl", "rotation_period", "last_vault_rotation",
			}, keys(secret.Data))

			for field, most := range map[string]int64{"ttl": 10, "rotation_period": 10} {
				number, ok := secret.Data[field].(json.Number)
				require.True(t, ok, "%s is a %T", field, secret.Data[field])
				seconds, err := number.Int64()
				require.NoError(t, err, field)
				assert.Positive(t, seconds, field)
				assert.LessOrEqual(t, seconds, most, field)
			}
			assert.Equal(t, json.Number("10"), secret.Data["rotation_period"])
			text, ok := secret.Data["last_vault_rotation"].(string)
			require.True(t, ok)
			rotated, err := time.Parse(time.RFC3339Nano, text)
			require.NoError(t, err)
			assert.NotZero(t, rotated.Nanosecond(), "whole seconds only: %s", text)
			for _, field := range []string{"access_token", "token_id", "user_id", "client_id"} {
				assert.IsType(t, "", secret.Data[field], field)
			}
			assert.Equal(t, name, secret.Data["credential_type"])
			assert.True(t, m.accepts(secret.Data["access_token"].(string)))
		})
	}
}

func TestStaticCredsAreSharedByAllReaders(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t, merge(personal, fields{"rotation_period": "1h", "rotation_overlap": "10m"}))
	const readers = 100
	tokens, errs := make([]string, readers), make([]error, readers)
	inParallel(readers, func(i int) {
		secret, err := m.client.Logical().Read(m.at("static-creds/app"))
		if errs[i] = err; err == nil {
			tokens[i], _ = secret.Data["access_token"].(string)
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Len(t, unique(tokens), 1)
	assert.Equal(t, 1, m.pm.Count(processmakertest.CreateToken))
	assert.Equal(t, 1, m.pm.Count(processmakertest.AnyToken))

	// Another user is another credential, and the one before is nobody's.
	alice, second := tokens[0], m.pm.AddUser(processmakertest.User{Username: "second"})
	m.write("roles/app", fields{"username": second.Username, "password": second.Password})
	assert.False(t, m.accepts(alice))
	assert.Equal(t, "second", m.get("static-creds/app")["username"])
	m.delete("roles/app")
	assert.Empty(t, m.pm.LiveTokens())
}

func TestStaticCredsNeedARotationPeriod(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	_, err := m.client.Logical().Read(m.at("static-creds/ci"))
	requireStatus(t, err, http.StatusBadRequest, "rotation_period", "creds/ci")
	requireStatus(t, m.tryWrite("roles/ci", fields{"rotation_period": "9s", "rotation_overlap": "1s"}), http.StatusBadRequest, "rotation_period")
	requireStatus(t, m.tryWrite("roles/ci", fields{"rotation_period": "10s", "rotation_overlap": "10s"}), http.StatusBadRequest, "rotation_overlap")
}

// While no other can be had, the old one is served, with a word about it.
func staticCredsOutliveAFailedRotation(t *testing.T) {
	m := newSharingMount(t, fields{"rotation_overlap": "9s"})
	first := m.get("static-creds/app")
	m.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: processmakertest.ServerError()})
	stale := false
	eventually(t, "the credential is replaced", func() bool {
		secret, err := m.client.Logical().Read(m.at("static-creds/app"))
		require.NoError(t, err)
		require.True(t, m.accepts(secret.Data["access_token"].(string)))
		if len(secret.Warnings) > 0 {
			stale = true
			assert.Equal(t, first["access_token"], secret.Data["access_token"])
			assert.Equal(t, json.Number("5"), secret.Data["ttl"])
		}
		return secret.Data["access_token"] != first["access_token"]
	})
	assert.True(t, stale, "the failed rotation was not seen")
	assert.True(t, m.accepts(first["access_token"].(string)), "the old one died with the rotation")
}
