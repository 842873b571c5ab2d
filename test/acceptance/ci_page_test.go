//go:build unix

package acceptance

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ciPage is followed by a test of its own, which goes on with the jobs.
var ciPage = docPage{elsewhere: "the test of CI logins, which follows the page and does what the jobs do"}

// issuer signs tokens for jobs, as GitHub and GitLab do.
type issuer struct {
	t   *testing.T
	key *rsa.PrivateKey
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return issuer{t, key}
}

// publicKey is a file with what Vault checks the tokens by.
func (i issuer) publicKey() string {
	i.t.Helper()
	public, err := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	require.NoError(i.t, err)
	file := filepath.Join(i.t.TempDir(), "issuer.pem")
	require.NoError(i.t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o600))
	return file
}

func (i issuer) sign(claims fields) string {
	i.t.Helper()
	now := time.Now().Unix()
	body, err := json.Marshal(merge(fields{"iat": now, "nbf": now - 5, "exp": now + 300}, claims))
	require.NoError(i.t, err)
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(body)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, i.key, crypto.SHA256, sum[:])
	require.NoError(i.t, err)
	return signed + "." + encode(signature)
}

// Claims as https://docs.github.com/en/actions/reference/security/oidc and
// https://docs.gitlab.com/ci/secrets/id_token_authentication/ list them.
var (
	gitHubClaims = fields{
		"iss": "https://token.actions.githubusercontent.com", "aud": "https://vault.example.com:8200",
		"sub": "repo:example/deploy:ref:refs/heads/main", "repository": "example/deploy", "repository_id": "74",
		"repository_owner": "example", "repository_owner_id": "65", "ref": "refs/heads/main", "ref_type": "branch",
		"sha": "f0e1d2", "run_id": "1001", "run_attempt": "1", "actor": "carol", "actor_id": "12", "event_name": "push",
		"workflow": "deploy", "job_workflow_ref": "example/deploy/.github/workflows/deploy.yml@refs/heads/main",
		"runner_environment": "github-hosted", "repository_visibility": "private",
	}
	gitLabClaims = fields{
		"iss": "https://gitlab.com", "aud": "https://vault.example.com:8200",
		"sub": "project_path:example/deploy:ref_type:branch:ref:main", "namespace_id": "72", "namespace_path": "example",
		"project_id": "20", "project_path": "example/deploy", "user_id": "1", "user_login": "carol", "user_email": "carol@example.com",
		"pipeline_id": "574", "pipeline_source": "push", "job_id": "302", "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main",
		"ref_protected": "true", "runner_environment": "gitlab-hosted", "sha": "f0e1d2",
	}
)

// The way of a job, from the system's own token to a dead ProcessMaker token, by
// what the page and the examples say.
func TestCILogins(t *testing.T) {
	t.Parallel()
	skipWithoutBinaries(t)
	d := newDocMount(t)
	gitHub, gitLab := newIssuer(t), newIssuer(t)
	d.marks = append(d.marks,
		"oidc_discovery_url=https://token.actions.githubusercontent.com", "jwt_validation_pubkeys=@"+gitHub.publicKey(),
		"oidc_discovery_url=https://gitlab.com", "jwt_validation_pubkeys=@"+gitLab.publicKey())
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, "policy.hcl"), []byte(exampleText(t, "pipeline/policy.hcl")), 0o600))
	blocks, _ := docBlocks(t, "docs/ci.md")
	d.follow(blocks, nil)

	systems := map[string]struct {
		issuer issuer
		claims fields
		wrong  map[string]any
		says   map[string]string
	}{
		"github": {gitHub, gitHubClaims, fields{"repository": "example/other", "ref": "refs/heads/feature"}, map[string]string{"run_id": "1001", "actor": "carol"}},
		"gitlab": {gitLab, gitLabClaims, fields{"project_path": "example/other", "ref": "feature", "ref_type": "tag", "ref_protected": "false"}, map[string]string{"job_id": "302", "user_login": "carol"}},
	}
	for name, system := range systems {
		login := d.loginAs(name, system.issuer.sign(system.claims))
		assert.Equal(t, []string{"processmaker-ci"}, login.Policies, name)
		assert.LessOrEqual(t, login.LeaseDuration, 1800)
		for claim, value := range system.says {
			assert.Equal(t, value, login.Metadata[claim], name)
		}
		wrong := maps.Clone(system.wrong)
		maps.Copy(wrong, fields{"aud": "https://vault.elsewhere.example", "iss": "https://issuer.elsewhere.example", "exp": time.Now().Unix() - 600})
		for claim, value := range wrong {
			assert.Error(t, d.tryLoginAs(name, system.issuer.sign(merge(system.claims, fields{claim: value}))), "%s: %s", name, claim)
		}
		assert.Error(t, d.tryLoginAs(name, newIssuer(t).sign(system.claims)), "%s: signed by somebody else", name)
	}
	assert.Empty(t, d.pm.LiveTokens())
	d.runGitLabJob(gitLab.sign(gitLabClaims))
	d.runGitHubJob(gitHub.sign(gitHubClaims))
}

func (d *docRun) tryLoginAs(system, jwt string) error {
	_, err := d.mount.anonymous().Logical().Write("auth/"+system+"/login", fields{"role": "processmaker-ci", "jwt": jwt})
	return err
}

func (d *docRun) loginAs(system, jwt string) *api.SecretAuth {
	d.t.Helper()
	secret, err := d.mount.anonymous().Logical().Write("auth/"+system+"/login", fields{"role": "processmaker-ci", "jwt": jwt})
	require.NoError(d.t, err)
	return secret.Auth
}

// runGitLabJob runs the script of the example.
func (d *docRun) runGitLabJob(jwt string) {
	d.t.Helper()
	require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, "with-token.sh"), []byte(exampleText(d.t, "pipeline/with-token.sh")), 0o700))
	require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, "deploy.sh"), []byte("#!/bin/sh\nprintf %s \"$PROCESSMAKER_TOKEN\" >used\n"), 0o700))
	job := documents(d.t, "gitlab-ci/gitlab-ci.yml")[0]["deploy"]
	assert.Equal(d.t, gitLabClaims["aud"], at(d.t, job, "id_tokens", "VAULT_ID_TOKEN", "aud"))
	script := []string{"export VAULT_ID_TOKEN=" + jwt, "export PROCESSMAKER_TTL=" + at(d.t, job, "variables", "PROCESSMAKER_TTL").(string)}
	for _, line := range at(d.t, job, "script").([]any) {
		script = append(script, line.(string))
	}
	before := d.pm.Count()
	d.run(docBlock{page: "examples/gitlab-ci", text: "(" + strings.Join(script, "\n") + ")"})
	assert.Greater(d.t, d.pm.Count(), before)
	used, err := os.ReadFile(filepath.Join(d.dir, "used"))
	require.NoError(d.t, err)
	require.NotEmpty(d.t, string(used))
	assert.False(d.t, d.pm.Accepts(string(used)), "the job's token has ended with it")
	assert.Empty(d.t, d.pm.LiveTokens())
}

// runGitHubJob does what hashicorp/vault-action does with the example's inputs,
// and then runs the example's last step.
func (d *docRun) runGitHubJob(jwt string) {
	d.t.Helper()
	steps := at(d.t, documents(d.t, "github-actions/workflow.yml")[0], "jobs", "deploy", "steps").([]any)
	inputs := at(d.t, steps[1], "with").(document)
	assert.Equal(d.t, gitHubClaims["aud"], inputs["jwtGithubAudience"])
	assert.Equal(d.t, "github", inputs["path"])
	assert.Equal(d.t, "processmaker-ci", inputs["role"])
	auth := d.loginAs(inputs["path"].(string), jwt)
	client := d.mount.anonymous()
	client.SetToken(auth.ClientToken)
	path, rest, _ := strings.Cut(strings.TrimSpace(inputs["secrets"].(string)), " ")
	field, _, _ := strings.Cut(rest, " ")
	secret, err := client.Logical().Read(path)
	require.NoError(d.t, err)
	token := secret.Data[field].(string)
	assert.True(d.t, d.pm.Accepts(token))
	_, err = client.Logical().Read("processmaker/config")
	requireStatus(d.t, err, http.StatusForbidden)

	last := at(d.t, steps[len(steps)-1], "run").(string)
	last = strings.ReplaceAll(last, inputs["url"].(string), d.server.Address)
	d.run(docBlock{page: "examples/github-actions", text: "(VAULT_TOKEN=" + auth.ClientToken + "\n" + last + ")"})
	eventually(d.t, "the job's token is dead", func() bool { return !d.pm.Accepts(token) })
	assert.Empty(d.t, d.pm.LiveTokens())
}
