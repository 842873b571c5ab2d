//go:build unix

package acceptance

import (
	"encoding/json"
	"errors"
	"go/format"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/hashicorp/hcl"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// docPage is what one page needs beside the usual mount. Most need nothing.
type docPage struct {
	// prepare makes what the page takes for granted.
	prepare func(d *docRun)
	// instead does what a person or another program does; a block is named by
	// its first line.
	instead map[string]func(d *docRun, block docBlock) (printed string)
	// cannot tells why a block is not run.
	cannot map[string]string
	// elsewhere tells which other tests follow the page, command by command.
	elsewhere string
	// follow follows the page in another way than the rest.
	follow func(t *testing.T, blocks []docBlock)
}

func specialPages() map[string]docPage {
	return map[string]docPage{
		"README.md":                    readmePage,
		"docs/api.md":                  apiPage,
		"docs/grants.md":               grantsPage,
		"docs/ci.md":                   ciPage,
		"docs/install.md":              installPage,
		"docs/instances.md":            instancesPage,
		"docs/consumers.md":            consumersPage,
		"docs/upgrading.md":            upgradePage,
		"docs/compatibility.md":        compatibilityPage,
		"docs/performance.md":          performancePage,
		"docs/audit.md":                {elsewhere: "the tests of audited days, which run the tuning and each query over a log of their own, those of the program beside it, and the demo"},
		"docs/reliability.md":          {elsewhere: "the tests of bad days, each section with the accident that it is about"},
		"examples/go-client/README.md": goClientPage,
	}
}

// Every page can be followed: all its commands are run in order by the real
// vault command against a server with the mount processmaker/, its config and a
// role ci, and what the page shows as their output is what they print.
func TestPagesCanBeFollowed(t *testing.T) {
	t.Parallel()
	special := specialPages()
	pages := docPages(t)
	for name := range special {
		require.Contains(t, pages, name, "a page that is not there")
	}
	for _, name := range pages {
		page := special[name]
		if page.elsewhere != "" {
			continue
		}
		blocks, _ := docBlocks(t, name)
		firstLines := []string{}
		blocks = slices.DeleteFunc(blocks, func(block docBlock) bool {
			firstLines = append(firstLines, block.firstLine())
			return page.cannot[block.firstLine()] != ""
		})
		for line := range page.instead {
			assert.Contains(t, firstLines, line, "%s has no such block", name)
		}
		for line := range page.cannot {
			assert.Contains(t, firstLines, line, "%s has no such block", name)
		}
		runs := func(block docBlock) bool {
			return block.language == "sh" && !strings.HasPrefix(block.file, "examples/")
		}
		if !slices.ContainsFunc(blocks, runs) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if page.follow != nil {
				page.follow(t, blocks)
				return
			}
			d := newDocMount(t)
			imports := func(block docBlock) bool { return strings.Contains(block.text, `"$REFRESH_TOKEN"`) }
			if slices.ContainsFunc(blocks, imports) {
				d.bringRefreshToken()
			}
			if page.prepare != nil {
				page.prepare(d)
			}
			d.follow(blocks, page.instead)
		})
	}
}

// newDocMount is a shell beside a mount as the pages have it.
func newDocMount(t *testing.T) *docRun {
	t.Helper()
	pm := documentedProcessMaker(t)
	server := ownServer(t)
	m := newMount(t, onServer(server), asDocumented(pm))
	m.writeConfig(nil)
	m.write("roles/ci", fields{"username": "vault-ci", "password": documentedPassword, "renew_mode": "none"})
	d := newDocRun(t, server, pm, t.TempDir())
	d.mount = m
	d.writeSecrets()
	return d
}

// The accounts and auth clients that the pages speak of.
const (
	documentedPassword = "not-a-real-Passw0rd"
	documentedSecret   = "not-a-real-client-secret"
	documentedUser     = 42
)

func documentedProcessMaker(t *testing.T) *processmakertest.Server {
	t.Helper()
	pm := startProcessMaker(t, processmakertest.Config{TLS: true})
	for _, user := range []processmakertest.User{
		{Username: "vault-ci"}, {Username: "vault-jobs"}, {Username: "vault-shared"}, {Username: "vault-worker"},
		{Username: "vault-admin", Administrator: true}, {Username: "carol", ID: documentedUser},
	} {
		user.Password = documentedPassword
		pm.AddUser(user)
	}
	pm.SetClientSecret(passwordClient, documentedSecret)
	pm.AddClient(processmakertest.Client{ID: 5, Name: "Robot", Secret: documentedSecret, Password: true})
	pm.AddClient(processmakertest.Client{ID: 7, Name: "People", Secret: documentedSecret, AuthorizationCode: true, Redirect: "http://127.0.0.1:8250/oauth/callback"})
	return pm
}

// writeSecrets writes the files that the pages' commands take secrets from.
func (d *docRun) writeSecrets() {
	d.t.Helper()
	for name, text := range map[string]string{"password.txt": documentedPassword, "client-secret.txt": documentedSecret} {
		require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600))
	}
}

// What is not run is well-formed at least, in every page, and nothing is in a
// language that no test reads.
func TestBlocksOfPagesAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, page := range docPages(t) {
		blocks, prose := docBlocks(t, page)
		before := ""
		for _, block := range blocks {
			checkBlock(t, block, before)
			before = block.language
		}
		for _, code := range inlineCode.FindAllStringSubmatch(prose, -1) {
			if strings.HasPrefix(code[1], "{{ ") {
				checkTemplate(t, page, code[1])
			}
		}
	}
}

var diagram = regexp.MustCompile(`^(sequenceDiagram|flowchart (LR|TB|TD)|stateDiagram-v2)\n`)

func checkBlock(t *testing.T, block docBlock, before string) {
	t.Helper()
	if name, ok := strings.CutPrefix(block.file, "examples/"); ok {
		assert.Equal(t, exampleText(t, name), block.text, "%s:%d", block.page, block.line)
		return
	}
	var err error
	switch block.language {
	case "sh":
		text := block.text
		if specialPages()[block.page].elsewhere != "" {
			text = placeholder.ReplaceAllString(text, "it") // its tests fill them
		}
		cmd := exec.Command("bash", "-n")
		cmd.Stdin = strings.NewReader(text)
		var out []byte
		if out, err = cmd.CombinedOutput(); err != nil {
			err = errors.New(string(out))
		}
	case "hcl":
		var into map[string]any
		err = hcl.Decode(&into, block.text)
	case "json":
		if !json.Valid([]byte(block.text)) {
			err = errors.New("not JSON")
		}
	case "yaml":
		decoder := yaml.NewDecoder(strings.NewReader(block.text))
		for err == nil {
			var into any
			err = decoder.Decode(&into)
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
	case "go":
		_, err = format.Source([]byte(block.text))
	case "console":
		for line := range strings.Lines(block.text) {
			if !strings.HasPrefix(line, "php artisan ") && !strings.HasPrefix(line, "systemctl ") {
				err = errors.New("only what is typed on ProcessMaker's own server is of this language")
			}
		}
	case "mermaid":
		if !diagram.MatchString(block.text) {
			err = errors.New("not a kind of diagram that is used here")
		}
	case "text":
		if before != "sh" && specialPages()[block.page].elsewhere == "" {
			err = errors.New("output of no command: it has to follow the block that prints it")
		}
	default:
		err = errors.New("no test reads blocks of this language")
	}
	assert.NoError(t, err, "%s:%d: %s", block.page, block.line, block.language)
}

// checkTemplate parses a template of Vault Agent and its like.
func checkTemplate(t *testing.T, page, text string) {
	t.Helper()
	functions := template.FuncMap{"secret": func(...string) any { return nil }}
	_, err := template.New("").Funcs(functions).Parse(text)
	if err != nil && !strings.Contains(text, "{{ end }}") {
		_, err = template.New("").Funcs(functions).Parse(text + "{{ end }}") // the beginning of one
	}
	assert.NoError(t, err, "%s: %s", page, text)
}

var makeCall = regexp.MustCompile(`\bmake ([a-z][a-z0-9-]*)`)

// Whatever a page tells to make can be made.
func TestMakeTargetsOfPagesExist(t *testing.T) {
	t.Parallel()
	var targets []string
	for _, found := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(repositoryText(t, "Makefile"), -1) {
		targets = append(targets, found[1])
	}
	for _, page := range docPages(t) {
		if page == "docs/messages.md" {
			continue // its sentences make other things
		}
		for _, found := range makeCall.FindAllStringSubmatch(strings.Join(shellTexts(t, page), "\n"), -1) {
			assert.Contains(t, targets, found[1], page)
		}
	}
}
