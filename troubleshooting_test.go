package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever looks a message up finds it in the product's own words.
func TestTroubleshootingQuotesRealMessages(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/index.md")
	require.NoError(t, err)
	var source strings.Builder
	for _, pattern := range []string{"*.go", "client/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				source.Write(text)
			}
		}
	}
	_, table, found := strings.Cut(string(page), "## Troubleshooting")
	require.True(t, found)
	quoted := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1)
	require.Greater(t, len(quoted), 10)
	for _, message := range quoted {
		require.Contains(t, source.String(), message[1])
	}
}
