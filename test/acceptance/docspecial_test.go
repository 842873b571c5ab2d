//go:build unix

package acceptance

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"vault-plugin-secrets-processmaker/test/freeport"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readmePage begins with an empty catalog: see followReadme.
var readmePage = docPage{follow: followReadme, cannot: map[string]string{
	"make demo   # a real Vault issues, renews and revokes ProcessMaker tokens, step by step": "`make test` runs the demo, and is what runs this",
}}

// followReadme follows the README on a server as an operator has it, from the
// installation to the end of a lease.
func followReadme(t *testing.T, blocks []docBlock) {
	pm := documentedProcessMaker(t)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(authority, []byte(pm.CACertPEM()), 0o600))
	// ProcessMaker has a certificate that the server's system trusts.
	server := startOwn(t, ServerConfig{Environment: []string{"SSL_CERT_FILE=" + authority}}, StartInstalledServer)
	d := newDocRun(t, server, pm, copyOfRepository(t))
	d.marks = append(d.marks, "/etc/vault/plugins", server.PluginDir)
	d.writeSecrets()
	d.follow(blocks, nil)

	client, err := server.NewClient(nil)
	require.NoError(t, err)
	mounts, err := client.Sys().ListMounts()
	require.NoError(t, err)
	require.Contains(t, mounts, "processmaker/")
	assert.NotEmpty(t, mounts["processmaker/"].RunningVersion)
	assert.NotZero(t, pm.Count(), "ProcessMaker was never asked")
	require.NoError(t, client.Sys().Unmount("processmaker"))
	assert.Empty(t, pm.LiveTokens())
}

// copyOfRepository is what a newcomer has checked out.
func copyOfRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("bash", "-c",
		`set -o pipefail; tar -C ../.. --exclude=./.git --exclude=./bin --exclude=./dist -cf - . | tar -C "$1" -xf -`, "copy", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	return dir
}

// bringRefreshToken signs in as another program does, for a page that imports
// what it got.
func (d *docRun) bringRefreshToken() {
	d.t.Helper()
	status, theirs := requestForms[0].call(d.mount, d.pm.Client(5), map[string]string{
		"grant_type": "password", "username": "vault-ci", "password": documentedPassword,
	})
	require.Equal(d.t, http.StatusOK, status)
	d.set("REFRESH_TOKEN", theirs.RefreshToken)
}

var grantsPage = docPage{
	instead: map[string]func(d *docRun, block docBlock) string{
		"processmaker-authorize -mount processmaker people":     runAuthorize,
		"go run ./scripts/authorize -mount processmaker people": runAuthorize,
		"vault write -f processmaker/authorize/people": func(d *docRun, block docBlock) string {
			printed := d.run(block)
			found := regexp.MustCompile(`(?m)^authorization_url +(\S+)$`).FindStringSubmatch(printed)
			require.NotNil(d.t, found)
			back := d.approve(found[1])
			d.set("code", back.Query().Get("code"))
			d.set("state", back.Query().Get("state"))
			return printed
		},
	},
}

// runAuthorize is the program at work, as it is built for a release or run by Go.
func runAuthorize(d *docRun, _ docBlock) string {
	// The page's port may be taken on this machine.
	port, err := freeport.Choose()
	require.NoError(d.t, err)
	registered := d.mount.get("roles/people")["redirect_uri"]
	d.mount.write("roles/people", fields{"redirect_uri": fmt.Sprintf("http://127.0.0.1:%d/oauth/callback", port)})
	program := d.mount.authorize("people")
	response, err := http.Get(d.approve(program.address()).String())
	require.NoError(d.t, err)
	require.NoError(d.t, response.Body.Close())
	said := program.end()
	assert.Contains(d.t, said, "carol (ProcessMaker user 42) is signed in")
	d.mount.write("roles/people", fields{"redirect_uri": registered})
	return said
}

// approve is the person of the page in a browser.
func (d *docRun) approve(address string) *url.URL {
	d.t.Helper()
	back, err := d.pm.SignIn(d.mount.caller(), address, "carol", documentedPassword)
	require.NoError(d.t, err)
	return back
}

var consumersPage = docPage{prepare: func(d *docRun) {
	step := exampleText(d.t, "pipeline/with-token.sh")
	require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, "with-token.sh"), []byte(step), 0o700))
	require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, "deploy.sh"), []byte("#!/bin/sh\n[ -n \"$PROCESSMAKER_TOKEN\" ]\n"), 0o700))
	require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, "policy.hcl"), []byte(exampleText(d.t, "agent/policy.hcl")), 0o600))
}}

var goClientPage = docPage{
	prepare: func(d *docRun) {
		d.mount.write("roles/worker", fields{"username": "vault-worker", "password": documentedPassword})
	},
	cannot: map[string]string{
		"export VAULT_ADDR=https://vault.example.com:8200 VAULT_TOKEN=...": "it runs until it is ended; the tests of consumers run the program",
	},
}

// The blocks of the page run the tests that this is one of.
var compatibilityPage = docPage{cannot: map[string]string{
	"make compat COMPAT_RUN=.":                              "it runs these tests",
	"VAULT_BIN=/usr/local/bin/vault make acceptance":        "it runs these tests",
	"ACCEPTANCE_OPENBAO_BIN=/usr/local/bin/bao make compat": "it runs these tests",
	"make passport13 PASSPORT13_RUN=.":                      "it runs these tests, and `make test` runs the demo",
}}

var performancePage = docPage{cannot: map[string]string{
	"make bench                                         # everything, half an hour, into this page and the files beside it": "it measures for half an hour; a test of the measurements runs each part of them once",
}}

// The versions that the pages name are those that are built.
func TestCompatibilityTable(t *testing.T) {
	t.Parallel()
	modules, err := filepath.Glob(filepath.Join("..", "..", "tools", "vault*", "go.mod"))
	require.NoError(t, err)
	var built []string
	for _, module := range modules {
		text, err := os.ReadFile(module)
		require.NoError(t, err)
		found := regexp.MustCompile(`(?m)^require github\.com/hashicorp/vault v(\S+)$`).FindSubmatch(text)
		require.NotNil(t, found, module)
		built = append(built, string(found[1]))
	}
	page := repositoryText(t, "docs/compatibility.md")
	var named []string
	for _, row := range regexp.MustCompile(`(?m)^\| (1\.\S+) \|`).FindAllStringSubmatch(page, -1) {
		named = append(named, row[1])
	}
	assert.ElementsMatch(t, built, named)
	readme := repositoryText(t, "README.md")
	for _, version := range built {
		assert.Contains(t, readme, version)
	}
}
