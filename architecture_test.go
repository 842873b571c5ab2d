package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/stretchr/testify/require"
)

// The page names files and tests; they are there.
func TestTheArchitecturePageIsTrue(t *testing.T) {
	t.Parallel()
	page, prose := mounttest.TextOf(t, "ARCHITECTURE.md"), proseOf(t, "ARCHITECTURE.md")
	tests := sourceOf(t, true, ".", "test/acceptance", "client")
	named := 0
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(prose, -1) {
		name := found[1]
		switch {
		case strings.HasPrefix(name, "Test"):
			require.Contains(t, tests, "func "+name+"(", "a test that is not there")
			named++
		case strings.HasSuffix(name, ".go") && !strings.Contains(name, "<"):
			require.FileExists(t, name)
			named++
		case strings.HasPrefix(name, "internal/"):
			require.DirExists(t, name)
			named++
		}
	}
	require.Greater(t, named, 40)
	rooms, err := filepath.Glob("internal/*")
	require.NoError(t, err)
	for _, room := range rooms {
		require.Contains(t, page, "`"+room+"`", "a reader has to find it")
	}
}

// Each direct dependency is justified.
func TestEveryDependencyIsJustified(t *testing.T) {
	t.Parallel()
	table := sectionOf(t, "CONTRIBUTING.md", "Dependencies")
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(mounttest.TextOf(t, "go.mod"), -1)
	require.NotEmpty(t, direct)
	for _, required := range direct {
		require.Contains(t, table, "`"+required[1]+"`")
	}
	require.Len(t, regexp.MustCompile("(?m)^\\| `").FindAllString(table, -1), len(direct), "a dependency that is not there any more")
}
