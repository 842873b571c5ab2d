//go:build unix

package acceptance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/itchyny/gojq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// auditQueries are the jq queries of docs/audit.md, by their headings.
type auditQueries struct {
	t       *testing.T
	log     string // the audit log
	queries map[string]docBlock
	unused  map[string]bool
}

func newAuditQueries(t *testing.T, log string) *auditQueries {
	t.Helper()
	q := &auditQueries{t: t, log: log, queries: map[string]docBlock{}, unused: map[string]bool{}}
	blocks, _ := docBlocks(t, "docs/audit.md")
	for _, block := range blocks {
		if strings.HasPrefix(block.text, "jq ") {
			require.NotContains(t, q.queries, block.heading)
			q.queries[block.heading], q.unused[block.heading] = block, true
		}
	}
	return q
}

// requireAllRun requires that no query of the page was left out.
func (q *auditQueries) requireAllRun() {
	q.t.Helper()
	assert.Empty(q.t, q.unused, "queries that the page has and nobody ran")
}

// jqCommand takes a command apart: its options, its arguments, its program.
var (
	jqCommand  = regexp.MustCompile(`(?s)^jq -cR ((?:--arg \w+ \S+ )*)'(.*)' audit\.log\n$`)
	jqArgument = regexp.MustCompile(`--arg (\w+) \S+ `)
)

// run runs the query below a heading over the audit log, with other values in
// the place of the page's.
func (q *auditQueries) run(heading string, values map[string]string) (results []map[string]any) {
	q.t.Helper()
	block, known := q.queries[heading]
	require.True(q.t, known, heading)
	delete(q.unused, heading)
	command := jqCommand.FindStringSubmatch(block.text)
	require.NotNil(q.t, command, block.text)
	var names []string
	var arguments []any
	for _, argument := range jqArgument.FindAllStringSubmatch(command[1], -1) {
		require.Contains(q.t, values, argument[1], heading)
		names, arguments = append(names, "$"+argument[1]), append(arguments, values[argument[1]])
	}
	require.Len(q.t, names, len(values), heading)
	defer func() { q.compareWithJQ(command[2], values, results) }()
	program, err := gojq.Parse(command[2])
	require.NoError(q.t, err, heading)
	code, err := gojq.Compile(program, gojq.WithVariables(names))
	require.NoError(q.t, err, heading)
	for _, input := range q.lines() {
		iter := code.Run(input, arguments...)
		for {
			value, more := iter.Next()
			if !more {
				break
			}
			if err, failed := value.(error); failed {
				require.NoError(q.t, err, heading)
			}
			results = append(results, value.(map[string]any))
		}
	}
	return results
}

// compareWithJQ requires the same results of jq itself, where it is installed.
func (q *auditQueries) compareWithJQ(program string, values map[string]string, want []map[string]any) {
	q.t.Helper()
	var input strings.Builder
	jq, err := exec.LookPath("jq")
	if err != nil {
		return
	}
	arguments := []string{"-cR"}
	for name, value := range values {
		arguments = append(arguments, "--arg", name, value)
	}
	cmd := exec.Command(jq, append(arguments, program)...)
	for _, line := range q.lines() {
		input.WriteString(line.(string) + "\n")
	}
	cmd.Stdin = strings.NewReader(input.String())
	output, err := cmd.Output()
	require.NoError(q.t, err)
	var got []map[string]any
	for line := range bytes.Lines(output) {
		var result map[string]any
		require.NoError(q.t, json.Unmarshal(line, &result))
		got = append(got, result)
	}
	assert.Equal(q.t, want, got)
}

// oddLines are what a log may hold beside the entries of reads.
var oddLines = []any{
	"not JSON", `{"type":"response"`, "5", "null", "[]", "{}", `{"type":"response"}`,
	`{"type":"response","auth":null,"request":null,"response":null,"error":null}`,
	`{"type":"response","auth":"x","request":"x","response":"x","error":"x"}`,
	`{"type":"response","auth":[],"request":{"path":7},"response":{"data":[1],"secret":2}}`,
	`{"type":"response","request":{"path":"processmaker/creds/ci"},"response":{"data":"x"}}`,
}

// lines are the lines of the audit log, with odd ones among them.
func (q *auditQueries) lines() []any {
	q.t.Helper()
	file, err := os.Open(q.log)
	require.NoError(q.t, err)
	defer file.Close()
	lines := slices.Clone(oddLines)
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	require.NoError(q.t, scanner.Err())
	return append(lines, oddLines...)
}

// column is one field of all results.
func column(results []map[string]any, field string) []any {
	values := []any{}
	for _, result := range results {
		values = append(values, result[field])
	}
	return values
}

// only is the one result that has this value in a field.
func only(t *testing.T, results []map[string]any, field, value string) map[string]any {
	t.Helper()
	var found []map[string]any
	for _, result := range results {
		if result[field] == value {
			found = append(found, result)
		}
	}
	require.Len(t, found, 1, "%s %s among %v", field, value, results)
	return found[0]
}
