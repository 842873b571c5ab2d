//go:build unix

package acceptance

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// exampleFiles lists the files below examples/, but for the Go program's.
func exampleFiles(t *testing.T) (names []string) {
	t.Helper()
	root := filepath.Join("..", "..", "examples")
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if !strings.HasPrefix(name, "go-client/") {
			names = append(names, name)
		}
		return err
	}))
	require.NotEmpty(t, names)
	return names
}

// The page shows the files, all of them, as they are.
func TestConsumersPageShowsTheExamples(t *testing.T) {
	t.Parallel()
	blocks, _ := docBlocks(t, "docs/consumers.md")
	var shown []string
	for _, block := range blocks {
		if name, ok := strings.CutPrefix(block.file, "examples/"); ok {
			assert.Equal(t, exampleText(t, name), block.text, name)
			shown = append(shown, name)
		}
	}
	assert.ElementsMatch(t, exampleFiles(t), shown)
}

var (
	credsPath = regexp.MustCompile(`processmaker/creds/(\w+)([?\w=]*)`)
	roleWrite = regexp.MustCompile(`vault write processmaker/roles/(\w+)(?:[^\n]*\\\n)*[^\n]*renew_mode=(\w+)`)
	// comments of all the languages here
	commentLine = regexp.MustCompile(`(?m)^\s*(#|//).*$`)
)

// No example reads with refresh: its role does not, or it says so itself.
func TestExamplesNeverRefresh(t *testing.T) {
	t.Parallel()
	modes := map[string]string{}
	for _, found := range roleWrite.FindAllStringSubmatch(exampleText(t, "roles/roles.sh"), -1) {
		modes[found[1]] = found[2]
	}
	require.Equal(t, map[string]string{"app": "extend", "ci": "none", "worker": "refresh"}, modes)
	for _, name := range exampleFiles(t) {
		text := commentLine.ReplaceAllString(exampleText(t, name), "")
		for _, read := range credsPath.FindAllStringSubmatch(text, -1) {
			assert.Contains(t, []string{"extend", "none"}, modes[read[1]], "%s reads %s", name, read[0])
			assert.Contains(t, []string{"", "?renew_mode=extend", "?renew_mode=none"}, read[2], "%s reads %s", name, read[0])
		}
	}
}

var (
	triedRow  = regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| (?:Run with Vault 1\\.|Written from )")
	triedNote = regexp.MustCompile(`(?s)Written[\s#/]+from|Run[\s#/]+with|commits? [0-9a-f]{7}`)
)

// The page says of each example what it was tried with or written from. The files
// themselves, which people copy, do not.
func TestConsumersPageSaysWhatWasTried(t *testing.T) {
	t.Parallel()
	_, table, found := strings.Cut(repositoryText(t, "docs/consumers.md"), "\n## Tried with\n")
	require.True(t, found)
	named := []string{"agent/policy.hcl", "pipeline/policy.hcl", "roles/roles.sh"}
	for _, row := range triedRow.FindAllStringSubmatch(table, -1) {
		for _, code := range inlineCode.FindAllStringSubmatch(row[1], -1) {
			named = append(named, code[1])
		}
	}
	assert.ElementsMatch(t, exampleFiles(t), named)
	for _, name := range exampleFiles(t) {
		assert.NotRegexp(t, triedNote, exampleText(t, name), name)
	}
}

// What is not run here is at least well-formed.
func TestExamplesAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, name := range exampleFiles(t) {
		text := exampleText(t, name)
		switch filepath.Ext(name) {
		case ".tf":
			terraformResources(t, name, "url=", "client_secret=", "password=")
		case ".hcl":
			var into map[string]any
			assert.NoError(t, hcl.Decode(&into, text), name)
			assert.NotEmpty(t, into, name)
		case ".yaml", ".yml":
			assert.NotEmpty(t, documents(t, name), name)
		case ".sh":
			out, err := exec.Command("sh", "-n", filepath.Join("..", "..", "examples", name)).CombinedOutput()
			assert.NoError(t, err, "%s: %s", name, out)
		case ".py":
			checkSyntax(t, name, "python3", "-c", "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')")
		case ".mjs":
			checkSyntax(t, name, "node", "--check")
		case ".php":
			checkSyntax(t, name, "php", "-l")
		default: // Java and Groovy, for which there is no parser here
			assert.Contains(t, []string{"spring/ProcessMakerToken.java", "jenkins/Jenkinsfile"}, name)
			assert.Equal(t, strings.Count(text, "{"), strings.Count(text, "}"), name)
		}
	}
}

// checkSyntax gives a file to the interpreter of its language, where there is one.
func checkSyntax(t *testing.T, name string, command ...string) {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Logf("%s is not checked: no %s on this machine", name, command[0])
		return
	}
	out, err := exec.Command(command[0], append(command[1:], filepath.Join("..", "..", "examples", name))...).CombinedOutput()
	assert.NoError(t, err, "%s: %s", name, out)
}

// document is a YAML document.
type document = map[string]any

func documents(t *testing.T, name string) (all []document) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(exampleText(t, name)))
	for {
		var one document
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err, name)
		all = append(all, one)
	}
}

// at walks down a document.
func at(t *testing.T, d any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			fields, ok := d.(document)
			require.Truef(t, ok, "%v of %v", step, path)
			d = fields[step]
		case int:
			list, ok := d.([]any)
			require.Truef(t, ok && step < len(list), "%v of %v", step, path)
			d = list[step]
		}
	}
	return d
}

func TestKubernetesExamples(t *testing.T) {
	t.Parallel()
	vso := documents(t, "vso/vault-dynamic-secret.yaml")[0]
	assert.Equal(t, "VaultDynamicSecret", vso["kind"])
	assert.Equal(t, "processmaker", at(t, vso, "spec", "mount"))
	assert.Equal(t, "creds/app", at(t, vso, "spec", "path"))
	assert.Equal(t, "extend", at(t, vso, "spec", "params", "renew_mode"))

	eso := documents(t, "external-secrets/external-secret.yaml")
	require.Len(t, eso, 2)
	assert.Equal(t, "none", at(t, eso[0], "spec", "parameters", "renew_mode"))
	assert.Equal(t, "POST", at(t, eso[0], "spec", "method"), "parameters count with POST only")
	generator := at(t, eso[1], "spec", "dataFrom", 0, "sourceRef", "generatorRef")
	assert.Equal(t, eso[0]["kind"], at(t, generator, "kind"))
	assert.Equal(t, eso[0]["apiVersion"], at(t, generator, "apiVersion"))
	assert.Equal(t, at(t, eso[0], "metadata", "name"), at(t, generator, "name"))

	csi := documents(t, "csi/secret-provider-class.yaml")[0]
	var objects []document
	require.NoError(t, yaml.Unmarshal([]byte(at(t, csi, "spec", "parameters", "objects").(string)), &objects))
	require.Len(t, objects, 1)
	assert.Equal(t, "processmaker/creds/app?renew_mode=none", objects[0]["secretPath"])
	assert.Equal(t, "access_token", objects[0]["secretKey"])
}

func TestPipelineExamples(t *testing.T) {
	t.Parallel()
	steps := at(t, documents(t, "github-actions/workflow.yml")[0], "jobs", "deploy", "steps").([]any)
	last := steps[len(steps)-1]
	assert.Equal(t, "always()", at(t, last, "if"), "the token has to be ended in every case")
	assert.Contains(t, at(t, last, "run"), "auth/token/revoke-self")

	script := at(t, documents(t, "gitlab-ci/gitlab-ci.yml")[0], "deploy", "script").([]any)
	assert.Contains(t, script[len(script)-1], "./with-token.sh ")
	assert.Contains(t, exampleText(t, "jenkins/Jenkinsfile"), "./with-token.sh ")
}

// The roles are written as the page has them, and refused nowhere.
func TestRolesExample(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.writeConfig(nil)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(m.server.vaultBin, filepath.Join(dir, "vault")))
	alice := m.pm.User("alice")
	marks := []string{"processmaker/roles", m.at("roles")}
	for _, role := range []string{"app", "ci", "jobs", "shared", "worker"} {
		marks = append(marks, "username=vault-"+role, "username="+alice.Username)
		require.NoError(t, os.WriteFile(filepath.Join(dir, role+"-password.txt"), []byte(alice.Password), 0o600))
	}
	cmd := exec.Command("sh", "-s")
	cmd.Stdin = strings.NewReader(exampleText(t, "roles/roles.sh", marks...))
	cmd.Dir = dir
	cmd.Env = cleanEnvironment("HOME="+dir, "PATH="+dir+":/usr/bin:/bin", "VAULT_ADDR="+m.server.Address, "VAULT_TOKEN="+m.server.RootToken)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Run(), output.String())
	for role, mode := range map[string]string{"app": "extend", "ci": "none", "jobs": "extend", "worker": "refresh"} {
		c := m.read(role)
		assert.Equal(t, mode, c.Data["renew_mode"], role)
		assert.Equal(t, 3600, c.LeaseDuration, role)
	}
	shared, err := m.client.Logical().Read(m.at("static-creds/shared"))
	require.NoError(t, err)
	assert.NotEmpty(t, shared.Data["access_token"])
}
