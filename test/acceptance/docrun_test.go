//go:build unix

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// documentedURL is where the pages have ProcessMaker. It is the one thing that
// a test changes in their commands.
const documentedURL = "https://bpm.example.com"

// commandTimeout ends a block that hangs; one of them builds the plugin.
const commandTimeout = 15 * time.Minute

// docRun is a page being followed, command by command, by somebody with a shell.
type docRun struct {
	t      *testing.T
	server *Server
	pm     *processmakertest.Server
	mount  *mount // nil where the page makes it
	dir    string // where the commands run
	state  string // what one block leaves for the next
	marks  []string
	env    []string
}

// newDocRun prepares a shell with the real vault command, for a server with
// this ProcessMaker.
func newDocRun(t *testing.T, server *Server, pm *processmakertest.Server, dir string) *docRun {
	t.Helper()
	d := &docRun{t: t, server: server, pm: pm, dir: dir, state: filepath.Join(t.TempDir(), "state"), marks: []string{documentedURL, pm.URL()}}
	bin := t.TempDir()
	require.NoError(t, os.Symlink(server.vaultBin, filepath.Join(bin, "vault")))
	d.env = cleanEnvironment("HOME="+server.home, "PATH="+bin+":"+os.Getenv("PATH"),
		"VAULT_ADDR="+server.Address, "VAULT_TOKEN="+server.RootToken, "VAULT_MAX_RETRIES=0")
	// The HOME of the shell is not that of Go's caches.
	for _, name := range []string{"GOPATH", "GOMODCACHE", "GOCACHE"} {
		value, err := exec.Command("go", "env", name).Output()
		require.NoError(t, err)
		d.env = append(d.env, name+"="+strings.TrimSpace(string(value)))
	}
	return d
}

// follow does what the blocks say. A block in instead is done by the function
// there, because it needs a person or another program, and which gives what was
// printed; its key is the block's first line.
func (d *docRun) follow(blocks []docBlock, instead map[string]func(d *docRun, block docBlock) string) {
	d.t.Helper()
	var printed string
	for _, block := range blocks {
		switch {
		case instead[block.firstLine()] != nil:
			printed = instead[block.firstLine()](d, block)
		case strings.HasPrefix(block.file, "examples/"):
			// shown as it is, and tested where it lies
		case block.language == "sh":
			printed = d.run(block)
		case block.file != "":
			require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, block.file), []byte(d.here(block.text)), 0o600))
		case printed != "" && block.language == "text":
			requireSampleRows(d.t, block, printed)
			printed = ""
		case printed != "" && block.language == "json":
			requireSampleJSON(d.t, block, printed)
			printed = ""
		}
	}
}

// here puts what is different here in the place of what the page says.
func (d *docRun) here(text string) string { return strings.NewReplacer(d.marks...).Replace(text) }

// shellBefore carries variables and folder from block to block, as if they were
// typed into one shell. What a shell does not let itself be given is left out.
const shellBefore = `[ ! -e "$DOC_STATE" ] || { . "$DOC_STATE"; } 2>/dev/null
trap '{ declare -p | grep -v "^declare -[a-zA-Z]*r"; printf "cd %q\n" "$PWD"; } >"$DOC_STATE"' EXIT
set -euo pipefail
`

// run runs a block and gives what it printed to its standard output.
func (d *docRun) run(block docBlock) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", shellBefore+d.here(block.text))
	cmd.Dir = d.dir
	cmd.Env = append(d.env, "DOC_STATE="+d.state)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	require.NoErrorf(d.t, err, "%s:%d:\n%s\nprinted:\n%s%s", block.page, block.line, d.here(block.text), &stdout, &stderr)
	return stdout.String()
}

// set gives the shell a variable.
func (d *docRun) set(name, value string) {
	d.t.Helper()
	d.run(docBlock{page: "a test", text: name + "='" + value + "'"})
}

var firstWord = regexp.MustCompile(`(?m)^\s*([\w.]+)`)

// requireSampleRows requires that a command printed the rows that the page
// shows; their values differ from run to run.
func requireSampleRows(t *testing.T, block docBlock, printed string) {
	t.Helper()
	var rows []string
	for _, row := range firstWord.FindAllStringSubmatch(printed, -1) {
		rows = append(rows, row[1])
	}
	for _, row := range firstWord.FindAllStringSubmatch(block.text, -1) {
		assert.Contains(t, rows, row[1], "%s:%d shows a row that the command does not print:\n%s", block.page, block.line, printed)
	}
}

// requireSampleJSON requires that the JSON which the last command of a block
// printed has all that the page shows.
func requireSampleJSON(t *testing.T, block docBlock, printed string) {
	t.Helper()
	printed = printed[max(0, strings.LastIndex("\n"+printed, "\n{")):]
	var sample, actual any
	require.NoError(t, json.Unmarshal([]byte(block.text), &sample), "%s:%d", block.page, block.line)
	require.NoErrorf(t, json.Unmarshal([]byte(printed), &actual), "%s:%d: the command before prints no JSON:\n%s", block.page, block.line, printed)
	assert.Empty(t, missingFrom(actual, sample, ""), "%s:%d", block.page, block.line)
}

// idOfThePage is a credential_id, which differs from run to run.
var idOfThePage = regexp.MustCompile(`^[0-9a-v]{22}$`)

// missingFrom names what the sample has and the actual has not: a field, or a
// value of that kind.
func missingFrom(actual, sample any, path string) (missing []string) {
	switch sample := sample.(type) {
	case map[string]any:
		object, ok := actual.(map[string]any)
		if !ok {
			return []string{path + " is no object"}
		}
		for name, value := range sample {
			inner, ok := object[name]
			if !ok && idOfThePage.MatchString(name) {
				for _, inner = range object { // one of this run stands for it
					ok = true
				}
			}
			if !ok {
				missing = append(missing, path+"."+name)
				continue
			}
			missing = append(missing, missingFrom(inner, value, path+"."+name)...)
		}
	case []any:
		if list, ok := actual.([]any); !ok || len(sample) > 0 && len(list) == 0 {
			return []string{path + " is no list with anything in it"}
		}
	case string:
		if _, ok := actual.(string); !ok {
			return []string{path + " is no text"}
		}
	case float64:
		if _, ok := actual.(float64); !ok {
			return []string{path + " is no number"}
		}
	case bool:
		if _, ok := actual.(bool); !ok {
			return []string{path + " is no truth value"}
		}
	}
	return missing
}
