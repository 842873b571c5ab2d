//go:build unix

package acceptance

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// badDay is a section of docs/reliability.md that is played through. Each of its
// commands has to be run, and each text that it quotes has to be heard.
type badDay struct {
	*mount
	commands, quotes []string
	ran, heard       map[string]bool
	// fills are what stands for <name> in the commands.
	fills map[string]string
	dir   string
}

const reliabilityPage = "docs/reliability.md"

var placeholder = regexp.MustCompile(`<[a-z_ -]+>`)

// badDay opens the section with that title.
func (m *mount) badDay(title string) *badDay {
	m.t.Helper()
	d := &badDay{mount: m, ran: map[string]bool{}, heard: map[string]bool{}, fills: map[string]string{}, dir: m.t.TempDir()}
	blocks, _ := docBlocks(m.t, reliabilityPage)
	for _, block := range blocks {
		if block.heading != title {
			continue
		}
		switch block.language {
		case "sh":
			d.mustRun(block.text)
		case "text":
			d.mustHear(block.text)
		}
	}
	require.NotEmpty(m.t, d.commands, "%s shows no commands under %q", reliabilityPage, title)
	require.NoError(m.t, os.Symlink(m.server.vaultBin, filepath.Join(d.dir, "vault")))
	d.file("ca.pem", m.pm.CACertPEM())
	m.writeRole("worker", fields{"renew_mode": "refresh"})
	m.t.Cleanup(d.complete)
	return d
}

// mustRun takes the commands of a block.
func (d *badDay) mustRun(text string) {
	for command := range strings.Lines(continuation.ReplaceAllString(text, "")) {
		if command = strings.TrimSpace(command); command != "" && !slices.Contains(d.commands, command) {
			d.commands = append(d.commands, command)
		}
	}
}

// mustHear takes a quote.
func (d *badDay) mustHear(text string) {
	d.t.Helper()
	quote := words(text)
	require.Greater(d.t, len(placeholder.ReplaceAllString(quote, "")), 7, "a quote that fits everything: %s", quote)
	d.quotes = append(d.quotes, quote)
}

// complete requires that the test played the whole section.
func (d *badDay) complete() {
	if d.t.Failed() {
		return
	}
	for _, command := range d.commands {
		assert.True(d.t, d.ran[command], "the page shows a command that was not run: %s", command)
	}
	for _, quote := range d.quotes {
		assert.True(d.t, d.heard[quote], "the page quotes what nobody said: %s", quote)
	}
}

// file is a file that a command reads.
func (d *badDay) file(name, content string) {
	d.t.Helper()
	require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o600))
}

// fill says what <name> stands for from now on.
func (d *badDay) fill(name, value string) { d.fills["<"+name+">"] = value }

// run runs a command of the section, which has to succeed.
func (d *badDay) run(command string) string {
	d.t.Helper()
	output, err := d.try(command)
	require.NoError(d.t, err, "%s: %s", command, output)
	return output
}

// fails runs a command of the section, which has to fail.
func (d *badDay) fails(command string) string {
	d.t.Helper()
	output, err := d.try(command)
	require.Error(d.t, err, "%s: %s", command, output)
	return output
}

// try runs a command of the section and returns what it printed, with the names
// that the page uses.
func (d *badDay) try(command string) (string, error) {
	d.t.Helper()
	require.Contains(d.t, d.commands, command, "not a command of the page")
	d.ran[command] = true
	ctx, cancel := context.WithTimeout(context.Background(), cliTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", d.translated(command))
	cmd.Dir = d.dir
	cmd.Env = cleanEnvironment("HOME="+d.dir, "PATH="+d.dir+":/usr/bin:/bin", "VAULT_ADDR="+d.server.Address,
		"VAULT_TOKEN="+d.server.RootToken, "VAULT_MAX_RETRIES=0", "VAULT_CLI_NO_COLOR=1", "CURL_CA_BUNDLE=ca.pem")
	if token := d.fills["<admin token>"]; token != "" {
		require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, "admin-header"), []byte("Authorization: Bearer "+token+"\n"), 0o600))
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	return d.asOnThePage(output.String()), err
}

// documentedMount is where the page has the engine.
const documentedMount = "processmaker"

var mountInCommand = regexp.MustCompile(`(^|[ =])` + documentedMount + `(/|\s|$)`)

// translated is a command for this mount and its ProcessMaker.
func (d *badDay) translated(command string) string {
	d.t.Helper()
	command = strings.ReplaceAll(command, "url="+documentedURL, "url="+d.pm.URL()+" ca_cert=@ca.pem")
	command = strings.ReplaceAll(command, documentedURL, d.pm.URL())
	for name, value := range d.fills {
		command = strings.ReplaceAll(command, name, value)
	}
	require.NotRegexp(d.t, placeholder, command, "nothing stands for it")
	return mountInCommand.ReplaceAllString(command, "${1}"+d.path+"${2}")
}

func (d *badDay) asOnThePage(output string) string {
	output = strings.ReplaceAll(output, d.pm.URL(), documentedURL)
	return strings.ReplaceAll(output, d.path+"/", documentedMount+"/")
}

// hears requires that the page quotes a text which is said here.
func (d *badDay) hears(said string) {
	d.t.Helper()
	if !d.heardIn(said) {
		d.t.Fatalf("the page quotes nothing of this:\n%s", said)
	}
}

// heardIn tells whether something that the page quotes is said here.
func (d *badDay) heardIn(said string) (any bool) {
	said = words(said)
	for _, quote := range d.quotes {
		if quotePattern(quote).MatchString(said) {
			d.heard[quote], any = true, true
		}
	}
	return any
}

// quotePattern matches a quote, in which <name> stands for anything.
func quotePattern(quote string) *regexp.Regexp {
	parts := placeholder.Split(quote, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(strings.Join(parts, ".+?"))
}

// words is a text without its line breaks and columns, which depend on widths.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }
