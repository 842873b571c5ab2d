//go:build unix

package acceptance

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const noDocker = "it takes Docker or a registry; the tests of tools/image check the image"

var installPage = docPage{follow: followInstall, cannot: map[string]string{
	"gh attestation verify vault-plugin-secrets-processmaker_v0.1.0_linux_amd64 --repo OWNER/REPOSITORY":                                                   "it asks GitHub",
	"skopeo copy oci-archive:vault-plugin-secrets-processmaker_v0.1.0_oci.tar docker-daemon:vault-plugin-secrets-processmaker:0.1.0":                       noDocker,
	"skopeo copy --all oci-archive:vault-plugin-secrets-processmaker_v0.1.0_oci.tar docker://registry.example.com/vault-plugin-secrets-processmaker:0.1.0": noDocker,
}}

// followInstall follows the page beside the files of a release, on a server that
// knows no plugin yet.
func followInstall(t *testing.T, blocks []docBlock) {
	server := startOwn(t, ServerConfig{}, StartInstalledServer)
	dir := t.TempDir()
	const released = "vault-plugin-secrets-processmaker_v0.1.0_linux_amd64"
	require.NoError(t, CopyExecutable(shared.pluginBin, filepath.Join(dir, released)))
	binary, err := os.ReadFile(filepath.Join(dir, released))
	require.NoError(t, err)
	sum := fmt.Sprintf("%x", sha256.Sum256(binary))
	sums := sum + "  " + released + "\n" + strings.Repeat("0", 64) + "  not-downloaded\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums), 0o600))

	d := newDocRun(t, server, documentedProcessMaker(t), dir)
	d.marks = append(d.marks, "/etc/vault/plugins", server.PluginDir)
	d.follow(blocks, nil)
	client, err := server.NewClient(nil)
	require.NoError(t, err)
	mounts, err := client.Sys().ListMounts()
	require.NoError(t, err)
	assert.Equal(t, "v0.1.0", mounts["processmaker/"].RunningVersion)
	assert.Equal(t, sum, mounts["processmaker/"].RunningSha256)
	require.NoError(t, client.Sys().Unmount("processmaker"))

	var values document
	text, err := os.ReadFile(filepath.Join(dir, "values.yaml"))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &values))
	runInitContainer(t, values, dir, sum)
}

// runInitContainer does in a shell what the chart's init container does.
func runInitContainer(t *testing.T, values document, released, sum string) {
	t.Helper()
	container := at(t, values, "server", "extraInitContainers", 0)
	require.Equal(t, []any{"sh", "-euc"}, at(t, container, "command"))
	plugins := at(t, container, "volumeMounts", 0, "mountPath").(string)
	assert.Equal(t, plugins, at(t, values, "server", "volumeMounts", 0, "mountPath"))
	assert.Equal(t, at(t, container, "volumeMounts", 0, "name"), at(t, values, "server", "volumes", 0, "name"))
	assert.Contains(t, at(t, values, "server", "ha", "raft", "config"), fmt.Sprintf("plugin_directory = %q", plugins))
	script := at(t, container, "args", 0).(string)
	run := func(sum string) (string, error) {
		into := t.TempDir()
		here := strings.NewReplacer(plugins+"/", into+"/", "https://releases.example.com/v0.1.0", "file://"+released, strings.Repeat("0", 64), sum).Replace(script)
		out, err := exec.Command("sh", "-euc", here).CombinedOutput()
		t.Logf("%s", out)
		return filepath.Join(into, "vault-plugin-secrets-processmaker_v0.1.0_linux_amd64"), err
	}
	file, err := run(sum)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	_, err = run(strings.Repeat("1", 64))
	require.Error(t, err, "another file than the release's")
}

var instancesPage = docPage{
	prepare: func(d *docRun) {
		authority := filepath.Join(d.dir, "ca.pem")
		require.NoError(d.t, os.WriteFile(authority, []byte(d.pm.CACertPEM()), 0o600))
		d.env = append(d.env, "CURL_CA_BUNDLE="+authority)
		// What a CI variable holds: a login's token that some program keeps.
		status, theirs := requestForms[0].call(d.mount, d.pm.Client(5), map[string]string{
			"grant_type": "password", "username": "vault-ci", "password": documentedPassword,
		})
		require.Equal(d.t, 200, status)
		d.set("OLD_TOKEN", theirs.AccessToken)
	},
	instead: map[string]func(d *docRun, block docBlock) string{
		`claims=$(printf %s "$OLD_TOKEN" | cut -d. -f2 | tr '_-' '/+')`: func(d *docRun, block docBlock) string {
			require.NotEmpty(d.t, d.pm.LiveTokens())
			printed := d.run(block)
			assert.Equal(d.t, "401\n", printed)
			assert.Empty(d.t, d.pm.LiveTokens())
			return printed
		},
		`for role in ci jobs; do`: func(d *docRun, block docBlock) string {
			printed := d.run(block)
			assert.Empty(d.t, printed, "the roles of both instances are the same")
			return printed
		},
	},
}
