//go:build unix

package acceptance

import (
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// claimUser is the claim that names the ProcessMaker user of a pipeline.
const claimUser = "processmaker_user_id"

// A claim of a pipeline's token becomes the ProcessMaker user whose tokens the pipeline gets: the
// login puts it into the metadata of the entity's alias, and the role's user_id takes it from there.
func TestAClaimBecomesTheProcessMakerUser(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	alice, admin := m.pm.User("alice"), m.pm.User("admin")
	authPath := "jwt-" + m.path
	require.NoError(t, m.client.Sys().EnableAuthWithOptions(authPath, &api.EnableAuthOptions{Type: "jwt"}))
	t.Cleanup(func() { _ = m.client.Sys().DisableAuth(authPath) })
	auths, err := m.client.Sys().ListAuth()
	require.NoError(t, err)
	accessor := auths[authPath+"/"].Accessor

	signer := newIssuer(t)
	key, err := os.ReadFile(signer.publicKey())
	require.NoError(t, err)
	policy := authPath
	require.NoError(t, m.client.Sys().PutPolicy(policy, fmt.Sprintf("path %q { capabilities = [\"read\"] }", m.at("creds/own"))))
	t.Cleanup(func() { _ = m.client.Sys().DeletePolicy(policy) })
	for path, body := range map[string]fields{
		"config": {"jwt_validation_pubkeys": string(key)},
		"role/ci": {
			"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{"vault"}, "token_policies": []string{policy},
			"token_no_default_policy": true, "token_ttl": "10m", "claim_mappings": map[string]string{claimUser: claimUser},
		},
	} {
		_, err := m.client.Logical().Write("auth/"+authPath+"/"+path, body)
		require.NoError(t, err)
	}
	m.writeRole("own", merge(personal, fields{
		"username": admin.Username, "password": admin.Password,
		"user_id": fmt.Sprintf("{{identity.entity.aliases.%s.metadata.%s}}", accessor, claimUser),
	}))

	job := func(subject string, claims fields) *mount {
		login, err := m.anonymous().Logical().Write("auth/"+authPath+"/login", fields{
			"role": "ci", "jwt": signer.sign(merge(fields{"sub": subject, "aud": "vault", "iss": "https://ci.example.com"}, claims)),
		})
		require.NoError(t, err)
		reader := *m
		reader.client = m.anonymous()
		reader.client.SetToken(login.Auth.ClientToken)
		return &reader
	}
	held := job("deploy", fields{claimUser: fmt.Sprint(alice.ID)}).read("own")
	assert.Equal(t, "alice", held.Data["username"])
	assert.True(t, m.accepts(held.Token))
	_, err = job("powerful", fields{claimUser: fmt.Sprint(admin.ID)}).tryRead("own")
	requireStatus(t, err, http.StatusBadRequest, "allow_administrators")
	_, err = job("nobody", nil).tryRead("own")
	requireStatus(t, err, http.StatusBadRequest, "no ProcessMaker user id")
}
