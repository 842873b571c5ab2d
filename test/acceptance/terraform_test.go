//go:build unix

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// terraformResource is a resource of a configuration, worked out.
type terraformResource struct {
	Type, Name string
	Attributes struct {
		Path     string
		Type     string
		DataJSON string `json:"data_json"`
	}
}

// terraformResources reads a configuration with Terraform's own language, and
// gives its resources in the order in which they are made.
func terraformResources(t *testing.T, example string, variables ...string) (resources []terraformResource) {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("..", "..", "examples", example))
	require.NoError(t, err)
	cmd := exec.Command("go", append([]string{"-C", filepath.Join("..", "..", "tools", "terraform"), "run", "-buildvcs=false", ".", file}, variables...)...)
	cmd.Env = append(cmd.Environ(), "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	require.NoError(t, err, "%s: %s", example, &stderr)
	require.NoError(t, json.Unmarshal(text, &resources))
	return resources
}

// `terraform apply` and `terraform destroy` of the example, while credentials
// are out: what Terraform would ask of Vault, in its order.
func TestTerraformMakesAndDestroys(t *testing.T) {
	t.Parallel()
	pm := documentedProcessMaker(t)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(authority, []byte(pm.CACertPEM()), 0o600))
	server := ownServer(t, "SSL_CERT_FILE="+authority)
	client, err := server.NewClient(nil)
	require.NoError(t, err)
	resources := terraformResources(t, "terraform/mount/main.tf",
		"url="+pm.URL(), "client_secret="+documentedSecret, "password="+documentedPassword)
	require.Len(t, resources, 4)

	for _, r := range resources {
		switch r.Type {
		case "vault_mount":
			require.NoError(t, client.Sys().Mount(r.Attributes.Path, &api.MountInput{Type: r.Attributes.Type}))
		case "vault_generic_endpoint":
			var data fields
			require.NoError(t, json.Unmarshal([]byte(r.Attributes.DataJSON), &data))
			_, err := client.Logical().Write(r.Attributes.Path, data)
			require.NoError(t, err, r.Name)
		}
	}
	// A second plan finds nothing to change: what is read back is what was
	// written, but for what is absent.
	for _, r := range resources[1:] {
		var written, read fields
		require.NoError(t, json.Unmarshal([]byte(r.Attributes.DataJSON), &written))
		secret, err := client.Logical().Read(r.Attributes.Path)
		require.NoError(t, err)
		text, err := json.Marshal(secret.Data)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &read))
		for name, value := range written {
			if actual, ok := read[name]; ok {
				assert.Equal(t, value, actual, "%s: %s", r.Name, name)
			}
		}
	}

	m := &mount{t: t, server: server, client: client, pm: pm, path: "processmaker"}
	var out []credential
	for _, role := range []string{"ci", "jobs", "ci"} {
		out = append(out, m.read(role))
	}
	_, err = client.Sys().Renew(out[1].LeaseID, 7200)
	require.NoError(t, err)
	require.True(t, m.accepts(out[1].Token))

	slices.Reverse(resources)
	for _, r := range resources {
		switch r.Type {
		case "vault_mount":
			require.NoError(t, client.Sys().Unmount(r.Attributes.Path))
		case "vault_generic_endpoint":
			_, err := client.Logical().Delete(r.Attributes.Path)
			require.NoError(t, err, r.Name)
		}
	}
	assert.Empty(t, pm.LiveTokens(), "tokens alive although all is destroyed")
	mounts, err := client.Sys().ListMounts()
	require.NoError(t, err)
	assert.NotContains(t, mounts, "processmaker/")
}

// Mount last, config before it, roles first.
func TestTerraformDestroysInTheRightOrder(t *testing.T) {
	t.Parallel()
	var names []string
	for _, r := range terraformResources(t, "terraform/mount/main.tf", "url=https://bpm.example.com", "client_secret=x", "password=x") {
		names = append(names, r.Name)
	}
	require.Len(t, names, 4)
	assert.Equal(t, []string{"processmaker", "config"}, names[:2])
	assert.ElementsMatch(t, []string{"ci", "jobs"}, names[2:])
}

// With Terraform at hand, it reads the examples itself, and with its registry
// in reach it checks them against the provider.
func TestTerraformValidatesTheExamples(t *testing.T) {
	t.Parallel()
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("no terraform on PATH")
	}
	dir := copyOfRepository(t)
	run := func(args ...string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, terraform, append([]string{"-chdir=" + filepath.Join(dir, "examples", "terraform", "mount")}, args...)...)
		cmd.Env = cleanEnvironment("HOME="+dir, "CHECKPOINT_DISABLE=1", "TF_REGISTRY_CLIENT_TIMEOUT=10", "TF_REGISTRY_DISCOVERY_RETRY=0")
		return cmd.CombinedOutput()
	}
	text, err := run("fmt", "-check", "-diff", "-recursive", "../..")
	require.NoError(t, err, string(text))
	if text, err := run("init", "-backend=false", "-input=false"); err != nil {
		t.Skipf("the Vault provider cannot be had here: %s", text)
	}
	text, err = run("validate")
	require.NoError(t, err, string(text))
}
