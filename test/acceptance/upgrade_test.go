//go:build unix

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var upgradePage = docPage{follow: followUpgrade}

// followUpgrade follows the page on a server that runs the version before, with
// leases that live through all of it.
func followUpgrade(t *testing.T, blocks []docBlock) {
	pm := documentedProcessMaker(t)
	server := startOwn(t, ServerConfig{}, StartInstalledServer)
	dir := copyOfRepository(t)
	current := installedVersion(t, server)
	m := newMount(t, onServer(server), asDocumented(pm))
	m.writeConfig(nil)
	login := fields{"username": "vault-ci", "password": documentedPassword}
	m.write("roles/ci", login)
	m.write("roles/jobs", merge(personal, login))
	m.write("roles/steady", merge(login, fields{"renew_mode": "extend"}))
	m.write("roles/shared", merge(personal, merge(login, fields{"rotation_period": "1h"})))
	shared := m.get("static-creds/shared")["access_token"]

	releaseOf(t, dir, "v0.2.0")
	d := newDocRun(t, server, pm, dir)
	d.mount = m
	d.marks = append(d.marks, "/etc/vault/plugins", server.PluginDir, "linux_amd64", runtime.GOOS+"_"+runtime.GOARCH, "v0.1.0", current)
	roles := []string{"ci", "jobs", "steady"}
	leases := map[string]credential{}
	for _, role := range roles {
		leases[role] = m.read(role)
	}
	tuned := regexp.MustCompile(`tune -plugin-version=(\S+)`)
	versions := []string{}
	for _, block := range blocks {
		d.follow([]docBlock{block}, nil)
		found := tuned.FindStringSubmatch(d.here(block.text))
		if found == nil {
			continue
		}
		versions = append(versions, found[1])
		mounts, err := m.client.Sys().ListMounts()
		require.NoError(t, err)
		require.Equal(t, found[1], mounts["processmaker/"].RunningVersion)
		assert.Equal(t, shared, m.get("static-creds/shared")["access_token"])
		for _, role := range roles {
			// A lease from before is ended by the version that runs now; one
			// from now goes on into the next.
			before := m.renew(leases[role], 7200)
			assert.True(t, m.accepts(before.Token), role)
			m.revoke(before)
			assert.False(t, m.accepts(before.Token), role)
			leases[role] = m.read(role)
		}
	}
	require.Equal(t, []string{"v0.2.0", current}, versions, "up and back")
	for _, role := range roles {
		m.revoke(leases[role])
	}
}

// installedVersion installs the plugin as the README does, and gives its version.
func installedVersion(t *testing.T, server *Server) string {
	t.Helper()
	source := repositoryText(t, "version.go")
	found := regexp.MustCompile(`(?m)^const version = "(v[^"]+)"$`).FindStringSubmatch(source)
	require.NotNil(t, found)
	file := filepath.Join(server.PluginDir, PluginName)
	require.NoError(t, CopyExecutable(shared.pluginBin, file))
	sum, err := exec.Command("sha256sum", file).Output()
	require.NoError(t, err)
	client, err := server.NewClient(nil)
	require.NoError(t, err)
	require.NoError(t, client.Sys().RegisterPlugin(&api.RegisterPluginInput{
		Name: PluginName, Type: api.PluginTypeSecrets, Command: PluginName, Version: found[1], SHA256: strings.Fields(string(sum))[0],
	}))
	return found[1]
}

// releaseOf builds a release of another version from a copy of the repository.
func releaseOf(t *testing.T, dir, version string) {
	t.Helper()
	source := "package main\n\nconst version = \"" + version + "\"\n\nconst userAgent = \"vault-plugin-secrets-processmaker/\" + version\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "version.go"), []byte(source), 0o600))
	out, err := exec.Command(filepath.Join(dir, "scripts", "release.sh"), filepath.Join(dir, "dist"), runtime.GOOS+"/"+runtime.GOARCH).CombinedOutput()
	require.NoError(t, err, string(out))
}
