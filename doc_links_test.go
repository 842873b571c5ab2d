package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	pageLink  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	pageTitle = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// Whoever follows a link of a page comes to where it says, and the first page of
// the documentation leads to all the others.
func TestLinksOfPages(t *testing.T) {
	t.Parallel()
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		pages = append(pages, found...)
	}
	require.Contains(t, pages, "docs/index.md")
	ledTo := map[string]bool{}
	for _, page := range pages {
		for _, link := range pageLink.FindAllStringSubmatch(proseOf(t, page), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			file, title, _ := strings.Cut(link[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			_, err := os.Stat(target)
			require.NoError(t, err, "%s has a link to %s", page, link[1])
			if title != "" {
				require.Contains(t, titlesOf(t, target), title, "%s has a link to %s", page, link[1])
			}
			if page == "docs/index.md" {
				ledTo[filepath.ToSlash(target)] = true
			}
		}
	}
	for _, page := range pages {
		if filepath.Dir(page) == "docs" && page != "docs/index.md" {
			require.True(t, ledTo[filepath.ToSlash(page)], "docs/index.md does not lead to %s", page)
		}
	}
}

// titlesOf are the names that a page's headings have in links.
func titlesOf(t *testing.T, page string) (titles []string) {
	t.Helper()
	for _, found := range pageTitle.FindAllStringSubmatch(proseOf(t, page), -1) {
		title := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(found[1]), "")
		titles = append(titles, strings.ReplaceAll(title, " ", "-"))
	}
	return titles
}
