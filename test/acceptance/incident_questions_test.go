//go:build unix

package acceptance

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// analyst asks the program of docs/audit.md about the logs of an incident.
type analyst struct {
	*incident
	program string
	files   []string
}

// TestTheProgramAnswersAboutAnIncident lives through an incident and asks what an analyst asks. Each
// answer is what the incident knows itself that it did.
func TestTheProgramAnswersAboutAnIncident(t *testing.T) {
	t.Parallel()
	n := newIncident(t)
	n.unfold()
	require.GreaterOrEqual(t, len(n.deeds), 500)
	a := &analyst{incident: n, program: auditProgram(t), files: n.logFiles()}

	t.Run("who had tokens of a user", a.ofUser)
	t.Run("who had tokens of a role", a.ofRole)
	t.Run("what one person had", a.ofPerson)
	t.Run("what one person took out of wraps", a.ofUnwrapper)
	t.Run("whose is a credential", a.ofCredential)
	t.Run("whose is a token", a.ofToken)
	t.Run("whose is a token that a renewal made", a.ofRenewedToken)
	t.Run("what a revoked accessor held", a.ofAccessor)
	t.Run("what could be used in the outage", a.ofOutage)
	t.Run("what outlived its job", a.outlived)
	t.Run("which reads failed", a.failures)
	t.Run("what happened to one", a.history)
	t.Run("who changed what", a.changes)
	t.Run("who renewed another's lease", a.strangers)
}

// auditProgram builds the program.
func auditProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "processmaker-audit")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "../../scripts/audit").CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// logFiles are the logs as an analyst gets them: rotated, one compressed, in no order, and of the
// server's log what is at the usual level.
func (n *incident) logFiles() []string {
	n.t.Helper()
	log, err := os.ReadFile(n.server.AuditPath)
	require.NoError(n.t, err)
	lines := slices.Collect(bytes.Lines(log))
	dir := n.t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(n.t, os.WriteFile(path, text, 0o600))
		return path
	}
	third := len(lines) / 3
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(bytes.Join(lines[:third], nil))
	require.NoError(n.t, err)
	require.NoError(n.t, w.Close())
	return []string{
		write("audit.log", bytes.Join(lines[2*third:], nil)),
		write("vault.log", []byte(strings.Join(n.infoLines(), ""))),
		write("audit.log.2.gz", packed.Bytes()),
		write("audit.log.1", bytes.Join(lines[third:2*third], nil)),
	}
}

// ask runs the program and gives its rows.
func (a *analyst) ask(t *testing.T, question string, flags ...string) (rows []map[string]any) {
	t.Helper()
	arguments := []string{question}
	if question == "history" {
		arguments, flags = append(arguments, flags[0]), flags[1:]
	}
	cmd := exec.Command(a.program, append(append(append(arguments, "-json"), flags...), a.files...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())
	for line := range bytes.Lines(out) {
		var row map[string]any
		require.NoError(t, json.Unmarshal(line, &row))
		rows = append(rows, row)
	}
	return rows
}

// facts are what is compared of a credential: whose it is and what became of it. A wrapped one whose
// end is in no log has no id in them either.
func (d *deed) facts() string {
	id, end := d.CredentialID, "may live"
	if d.Secret != nil && (d.how != "" || d.role == roleName(naturalRole)) {
		end = "ended"
	}
	if d.wrapped && end == "may live" {
		id = ""
	}
	return fmt.Sprintf("%s of %s read by %s, out of its wrap by %q, renewed %d, end asked for by %q: %s; %s", id, d.role, d.reader, d.unwrapper, d.renewals, d.asker, d.how, end)
}

// factsOf are the same of an answer.
func factsOf(row map[string]any) string {
	part := func(of map[string]any, name string) string {
		text, _ := of[name].(string)
		return text
	}
	id := part(row, "credential_id")
	if strings.HasPrefix(id, "hmac-sha256:") {
		id = ""
	}
	asker, _ := row["asked_by"].(map[string]any)
	unwrapper, _ := row["unwrapped_by"].(map[string]any)
	renewals, _ := row["renewals"].(float64)
	how := part(row, "asked_how")
	for _, known := range []string{"token revoke-self", "token revoke-accessor", "lease revoke -prefix"} {
		if strings.Contains(how, known) {
			how = known
		}
	}
	return fmt.Sprintf("%s of %s read by %s, out of its wrap by %q, renewed %v, end asked for by %q: %s; %s", id, part(row, "role"), part(row, "entity_id"), part(unwrapper, "entity_id"), renewals, part(asker, "entity_id"), how, part(row, "state"))
}

// sameFacts requires that an answer is what was done, of the deeds that match.
func (a *analyst) sameFacts(t *testing.T, rows []map[string]any, matches func(*deed) bool) {
	t.Helper()
	var want, got []string
	for _, d := range a.deeds {
		if matches(d) {
			want = append(want, d.facts())
		}
	}
	for _, row := range rows {
		got = append(got, factsOf(row))
		if row["state"] == "ended" {
			assert.Equal(t, "engine's log", row["known_by"], "%v", row)
		}
	}
	require.NotEmpty(t, want)
	assert.ElementsMatch(t, want, got)
}

func (a *analyst) ofUser(t *testing.T) {
	a.sameFacts(t, a.ask(t, "who", "-user", "vault-ci"), func(d *deed) bool { return d.user == "vault-ci" })
	a.sameFacts(t, a.ask(t, "who", "-user", "vault-other", "-mount", "processmaker"), func(d *deed) bool { return d.user == "vault-other" })
	assert.Empty(t, a.ask(t, "who", "-user", "nobody"))
}

// Of one role whose leases were ended by their prefix, and of one whose were not.
func (a *analyst) ofRole(t *testing.T) {
	for _, role := range []string{roleName(prefixRole), roleName(prefixRole + 1), roleName(naturalRole)} {
		a.sameFacts(t, a.ask(t, "who", "-role", role), func(d *deed) bool { return d.role == role })
	}
}

func (a *analyst) ofPerson(t *testing.T) {
	for _, name := range []string{"carol", "heidi", "job-before-6", "job-after-7"} {
		a.sameFacts(t, a.ask(t, "who", "-entity", a.entities[name]), func(d *deed) bool { return d.reader == a.entities[name] })
	}
}

func (a *analyst) ofUnwrapper(t *testing.T) {
	a.sameFacts(t, a.ask(t, "who", "-entity", a.entities["dave"]), func(d *deed) bool { return d.unwrapper == a.entities["dave"] })
}

// Of a wrapped one, whose id stands in no entry of the audit log.
func (a *analyst) ofCredential(t *testing.T) {
	for _, d := range a.deeds {
		if d.unwrapper != "" {
			a.sameFacts(t, a.ask(t, "who", "-credential", d.CredentialID), func(other *deed) bool { return other == d })
			return
		}
	}
}

func (a *analyst) ofToken(t *testing.T) {
	for _, i := range []int{0, len(a.deeds) - 1} {
		d := a.deeds[i]
		a.sameFacts(t, a.ask(t, "who", "-token", d.TokenID), func(other *deed) bool { return other == d })
	}
}

func (a *analyst) ofRenewedToken(t *testing.T) {
	for _, d := range a.deeds {
		if d.renewals == 2 {
			hash := a.sysWrite("sys/audit-hash/file", fields{"input": d.TokenID})
			a.sameFacts(t, a.ask(t, "who", "-token", hash.Data["hash"].(string)), func(other *deed) bool { return other == d })
			return
		}
	}
}

func (a *analyst) ofAccessor(t *testing.T) {
	rows := a.ask(t, "who", "-entity", "processmaker-heidi")
	a.sameFacts(t, rows, func(d *deed) bool { return d.reader == a.entities["heidi"] })
	for _, row := range rows {
		assert.Equal(t, "root", row["asked_by"].(map[string]any)["who"])
		assert.Equal(t, "lease", row["end_reason"])
	}
}

// Of what a day's end has already taken nothing is shown: in the outage lived what had been read and
// had not ended.
func (a *analyst) ofOutage(t *testing.T) {
	from, to := a.outage[0].UTC().Format(time.RFC3339), a.outage[1].UTC().Format(time.RFC3339)
	rows := a.ask(t, "who", "-from", from, "-to", to)
	seen := map[any]bool{}
	for _, row := range rows {
		seen[row["credential_id"]] = true
	}
	before, after := 0, 0
	for _, d := range a.deeds {
		switch {
		case d.Secret == nil || d.wrapped:
		case d.reader == a.entities["judy"]:
			assert.True(t, seen[d.CredentialID], d.facts())
		case d.at.After(a.outage[1].Add(2 * time.Second)):
			assert.False(t, seen[d.CredentialID], "read later: %s", d.facts())
			after++
		case d.how == "lease revoke" && d.at.Before(a.outage[0].Add(-5*time.Second)):
			assert.False(t, seen[d.CredentialID], "ended earlier: %s", d.facts())
			before++
		}
	}
	assert.Positive(t, before)
	assert.Positive(t, after)
	for _, row := range rows {
		if row["entity_id"] == a.entities["judy"] && row["end_refused"] != nil {
			assert.Contains(t, row["end_refused"], "lease revoke")
			return
		}
	}
	assert.Fail(t, "nothing is said of the end that was refused")
}

func (a *analyst) outlived(t *testing.T) {
	a.sameFacts(t, a.ask(t, "outlived"), func(d *deed) bool { return d.how == "" })
	for _, row := range a.ask(t, "outlived", "-role", roleName(naturalRole)) {
		assert.Equal(t, "ended", row["state"])
		assert.Equal(t, "lease", row["end_reason"])
		assert.NotEmpty(t, row["accessor"])
	}
}

func (a *analyst) failures(t *testing.T) {
	var got []string
	for _, row := range a.ask(t, "failed") {
		got = append(got, fmt.Sprint(row["role"], " ", row["entity_id"]))
		assert.NotContains(t, row["why"], "hmac")
		assert.NotEmpty(t, row["why"])
	}
	assert.Equal(t, a.failed, got)
}

func (a *analyst) history(t *testing.T) {
	for _, d := range a.deeds {
		if d.renewals == 3 {
			rows := a.ask(t, "history", d.CredentialID)
			assert.Equal(t, []any{"read", "renewal", "renewal", "renewal", "end of the logs"}, column(rows, "what"))
			assert.Equal(t, "processmaker-mallory", rows[3]["who"])
		}
		if d.how == "credentials/<id>/revoke" {
			rows := a.ask(t, "history", d.CredentialID)
			assert.Equal(t, []any{"read", "end asked for", "ended"}, column(rows, "what"))
			assert.Equal(t, "operator (engine's log)", rows[2]["detail"])
		}
	}
}

func (a *analyst) changes(t *testing.T) {
	rows := a.ask(t, "changes")
	require.Len(t, rows, 1+incidentRoles+1)
	assert.Equal(t, "processmaker/config", rows[0]["path"])
	last := rows[len(rows)-1]
	assert.Equal(t, "processmaker/roles/"+roleName(8), last["path"])
	assert.Equal(t, []any{"ttl"}, last["fields"])
	assert.Equal(t, "root", last["who"])
}

func (a *analyst) strangers(t *testing.T) {
	for _, row := range a.ask(t, "who", "-role", roleName(refreshRole)) {
		stranger, _ := row["renewed_by_another"].(map[string]any)
		assert.Equal(t, row["renewals"] == 3.0, stranger["who"] == "processmaker-mallory")
	}
}
