package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var pageFence = regexp.MustCompile("(?ms)^```.*?^```$")

// proseOf is a page without its fenced blocks.
func proseOf(t *testing.T, page string) string {
	t.Helper()
	return pageFence.ReplaceAllString(textOf(t, page), "")
}

// sectionOf is what a page has below a heading of the second level.
func sectionOf(t *testing.T, page, title string) string {
	t.Helper()
	_, section, found := strings.Cut(textOf(t, page), "\n## "+title+"\n")
	require.True(t, found, "%s has no section %q", page, title)
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// textOf is a file of the repository.
func textOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// sourceOf is the source in these folders: their tests or what they test.
func sourceOf(t *testing.T, tests bool, folders ...string) string {
	t.Helper()
	var source strings.Builder
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") == tests {
				source.WriteString(textOf(t, file))
			}
		}
	}
	return source.String()
}
