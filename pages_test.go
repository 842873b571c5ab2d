package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/stretchr/testify/require"
)

var pageFence = regexp.MustCompile("(?ms)^```.*?^```$")

// proseOf is a page without its fenced blocks.
func proseOf(t *testing.T, page string) string {
	t.Helper()
	return pageFence.ReplaceAllString(mounttest.TextOf(t, page), "")
}

// sectionOf is what a page has below a heading of the second level.
func sectionOf(t *testing.T, page, title string) string {
	t.Helper()
	_, section, found := strings.Cut(mounttest.TextOf(t, page), "\n## "+title+"\n")
	require.True(t, found, "%s has no section %q", page, title)
	section, _, _ = strings.Cut(section, "\n## ")
	return section
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
				source.WriteString(mounttest.TextOf(t, file))
			}
		}
	}
	return source.String()
}
