package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page names files and tests; they are there.
func TestTheArchitecturePageIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("ARCHITECTURE.md")
	require.NoError(t, err)
	var tests strings.Builder
	for _, folder := range []string{".", "acceptance", "client"} {
		files, err := filepath.Glob(folder + "/*_test.go")
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			tests.Write(text)
		}
	}
	prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(page), "")
	named := 0
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(prose, -1) {
		name := found[1]
		switch {
		case strings.HasPrefix(name, "Test"):
			require.Contains(t, tests.String(), "func "+name+"(", "a test that is not there")
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
		require.Contains(t, string(page), "`"+room+"`", "a reader has to find it")
	}
}

// Each direct dependency is justified.
func TestEveryDependencyIsJustified(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	page, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "## Dependencies")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(string(module), -1)
	require.NotEmpty(t, direct)
	for _, required := range direct {
		require.Contains(t, table, "`"+required[1]+"`")
	}
	require.Len(t, regexp.MustCompile("(?m)^\\| `").FindAllString(table, -1), len(direct), "a dependency that is not there any more")
}
