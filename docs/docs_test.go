package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/test/mounttest"
)

// The tests name files as a reader of the repository does.
func TestMain(m *testing.M) {
	if err := os.Chdir(".."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

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

// The page names files and tests; they are there.
func TestTheArchitecturePageIsTrue(t *testing.T) {
	t.Parallel()
	page, prose := mounttest.TextOf(t, "docs/architecture.md"), proseOf(t, "docs/architecture.md")
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
	for _, pattern := range []string{"internal/*", "engine/*/", "test/*"} {
		rooms, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, room := range rooms {
			if room = strings.TrimSuffix(room, "/"); !strings.HasPrefix(room, "test/") || strings.HasSuffix(room, "mounttest") || strings.HasSuffix(room, "acceptance") || strings.HasSuffix(room, "bench") {
				require.Contains(t, page, "`"+room+"`", "a reader has to find it")
			}
		}
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

// Where nobody has a shell on ProcessMaker's server, each command of the pages and
// of the product's own messages has a way round.
func TestEveryCommandOnProcessMakersServerHasAWayRound(t *testing.T) {
	t.Parallel()
	table := sectionOf(t, "docs/instances.md", "Hosted ProcessMaker")
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	text := sourceOf(t, false, ".", "engine/*", "client")
	for _, page := range append(pages, "README.md") {
		text += mounttest.TextOf(t, page)
	}
	found := regexp.MustCompile(`php artisan ([a-z:-]+)`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, found)
	for _, command := range found {
		require.Regexp(t, "(?m)^\\| `php artisan "+command[1]+"[ `]", table, "no way round for the command")
	}
}

var (
	roleBlock   = regexp.MustCompile("vault write processmaker/roles/([a-z]+) ((?:[^\\n`]*\\\\\\n)*[^\\n`]*)")
	roleReader  = regexp.MustCompile(`\bprocessmaker/(static-creds|creds)/([a-z]+)`)
	rolePayload = regexp.MustCompile(`\{\s*"username": ?"vault-([a-z]+)",\s*("password":[^}]*)\}`)
	roleField   = regexp.MustCompile(`\b(grant_type|credential_type|renew_mode|rotation_period)(?:=|": ?")([\w.]+)`)
)

// The settings that a reader's consumers depend on are the same wherever a role is
// written, so that nobody who follows a second page breaks what the first one set up.
func TestOneStoryOfRoles(t *testing.T) {
	t.Parallel()
	story := map[string]string{
		"ci":     "password access_token none ",
		"app":    "password access_token extend ",
		"worker": "password access_token refresh ",
		"jobs":   "password personal_access_token extend ",
		"shared": "password personal_access_token extend 1h",
	}
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	written := map[string]bool{}
	for _, page := range append(pages, "README.md", "examples/go-client/README.md", "examples/roles/roles.sh") {
		text := mounttest.TextOf(t, page)
		for _, found := range append(roleBlock.FindAllStringSubmatch(text, -1), rolePayload.FindAllStringSubmatch(text, -1)...) {
			name, given := found[1], map[string]string{}
			for _, field := range roleField.FindAllStringSubmatch(found[2], -1) {
				given[field[1]] = field[2]
			}
			begun := strings.Contains(found[0], "username") && page != "docs/reliability.md"
			if !begun && len(given) == 0 {
				continue // it changes another setting of a role that is there
			}
			settings := settingsOf(given)
			if expected, ok := story[name]; ok {
				require.Equal(t, expected, settings, "%s writes the role %s in another way: %s", page, name, found[0])
			}
			story[name] = settings
			written[name] = true
		}
		for _, found := range roleReader.FindAllStringSubmatch(text, -1) {
			require.Equal(t, found[1] == "static-creds", found[2] == "shared", "%s reads %s", page, found[0])
		}
	}
	for name := range story {
		require.True(t, written[name], "no page writes the role %s", name)
	}
}

// settingsOf are a role's settings with the product's defaults.
func settingsOf(given map[string]string) string {
	or := func(field, otherwise string) string {
		if value := given[field]; value != "" {
			return value
		}
		return otherwise
	}
	kind, mode := or("credential_type", "access_token"), "refresh"
	if kind == "personal_access_token" {
		mode = "extend"
	}
	return strings.Join([]string{or("grant_type", "password"), kind, or("renew_mode", mode), given["rotation_period"]}, " ")
}
