//go:build unix

package acceptance

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The workflows do what one does by hand, with the same targets, and take their
// actions by digest, since a tag can be moved to other code.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	makefile := repositoryText(t, "Makefile")
	files, err := filepath.Glob(filepath.Join("..", "..", ".github", "workflows", "*.yml"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	for file, wanted := range map[string][]string{
		"test.yml":    {"make test"},
		"release.yml": {"make test", "make release-check", "make release"},
	} {
		var workflow document
		require.NoError(t, yaml.Unmarshal([]byte(repositoryText(t, ".github/workflows/"+file)), &workflow), file)
		require.NotEmpty(t, workflow["on"], file)
		var made []string
		attested := false
		for name, job := range workflow["jobs"].(document) {
			for _, step := range at(t, job, "steps").([]any) {
				step := step.(document)
				if run, ok := step["run"].(string); ok {
					script := strings.Fields(run)[0]
					switch {
					case strings.HasPrefix(run, "make "):
						made = append(made, run)
						assert.Regexp(t, `(?m)^`+strings.TrimPrefix(run, "make ")+`:`, makefile, file)
					case strings.HasPrefix(script, "scripts/"):
						assert.FileExists(t, filepath.Join("..", "..", script), file)
					}
					continue
				}
				uses, _ := step["uses"].(string)
				assert.Regexp(t, regexp.MustCompile(`^actions/[a-z-]+@[0-9a-f]{40}$`), uses, "%s: %s", file, name)
				assert.Regexp(t, regexp.QuoteMeta(uses)+` # v\d+\.\d+\.\d+\n`, repositoryText(t, ".github/workflows/"+file), "the version for people")
				switch {
				case strings.HasPrefix(uses, "actions/setup-go@"):
					assert.Equal(t, "go.mod", at(t, step, "with", "go-version-file"), file)
				case strings.HasPrefix(uses, "actions/attest-build-provenance@"):
					assert.Equal(t, "dist/SHA256SUMS", at(t, step, "with", "subject-checksums"), file)
					assert.Equal(t, document{"contents": "write", "id-token": "write", "attestations": "write"}, workflow["permissions"], file)
					attested = true
				case strings.HasPrefix(uses, "actions/upload-artifact@"):
					assert.Equal(t, "dist", at(t, step, "with", "path"), file)
				}
			}
		}
		assert.Equal(t, wanted, made, file)
		assert.Equal(t, file == "release.yml", attested, "%s: the release's provenance is attested", file)
	}
}
