//go:build unix

package acceptance

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	pageTitles   = regexp.MustCompile(`(?m)^### (.+)$`)
	playedTitles = regexp.MustCompile(`\.badDay\("([^"]+)"\)`)
)

// No bad day stands on the page that is not played here.
func TestEveryBadDayIsPlayed(t *testing.T) {
	t.Parallel()
	var shown, played []string
	for _, title := range pageTitles.FindAllStringSubmatch(repositoryText(t, reliabilityPage), -1) {
		shown = append(shown, title[1])
	}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, title := range playedTitles.FindAllSubmatch(text, -1) {
			if !slices.Contains(played, string(title[1])) {
				played = append(played, string(title[1]))
			}
		}
	}
	require.NotEmpty(t, shown)
	assert.ElementsMatch(t, shown, played)
}

// The page's own rules: each bad day says the four things that a reader needs.
func TestBadDaysSayWhatToDo(t *testing.T) {
	t.Parallel()
	_, days, found := strings.Cut(repositoryText(t, reliabilityPage), "\n## Troubleshooting\n")
	require.True(t, found)
	for _, title := range pageTitles.FindAllStringSubmatch(days, -1) {
		_, section, _ := strings.Cut(days, title[0]+"\n")
		section, _, _ = strings.Cut(section, "\n##")
		for _, heading := range []string{"**Symptom.**", "**Automatic recovery.**", "**What to do.**", "**Resolved when** "} {
			assert.Contains(t, section, heading, title[1])
		}
	}
}
