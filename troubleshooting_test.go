package main

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever looks a message up finds it in the product's own words.
func TestTroubleshootingQuotesRealMessages(t *testing.T) {
	t.Parallel()
	source := sourceOf(t, false, ".", "client", "engine/*", "internal/*")
	table := sectionOf(t, "docs/index.md", "Troubleshooting")
	quoted := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1)
	require.Greater(t, len(quoted), 10)
	for _, message := range quoted {
		require.Contains(t, source, message[1])
	}
}
