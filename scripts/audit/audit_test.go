package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/scripts/audit/madelog"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// made writes an audit log and a server's log, and gives their names.
func made(t *testing.T, act func(*madelog.Log)) []string {
	t.Helper()
	var audit, server bytes.Buffer
	log := madelog.New(&audit, start)
	log.Server = &server
	act(log)
	dir := t.TempDir()
	names := []string{filepath.Join(dir, "audit.log"), filepath.Join(dir, "vault.log")}
	require.NoError(t, os.WriteFile(names[0], audit.Bytes(), 0o600))
	require.NoError(t, os.WriteFile(names[1], server.Bytes(), 0o600))
	return names
}

// ask runs the program.
func ask(t *testing.T, arguments ...string) (output, errs string) {
	t.Helper()
	var out, err bytes.Buffer
	require.NoError(t, run(arguments, strings.NewReader(""), &out, &err))
	return out.String(), err.String()
}

func objects(t *testing.T, text string) (found []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &object))
		found = append(found, object)
	}
	return found
}

func incident(l *madelog.Log) {
	carol := l.Login("userpass", "carol")
	c := l.Read(carol, "ci", "alice", time.Hour)
	l.Revoke(carol, "revoke/"+c.LeaseID, false)
	l.Ended(c, carol, "lease")
	left := l.Read(carol, "left", "alice", time.Hour)
	l.Do(madelog.Exchange{By: carol, Operation: "read", Path: "processmaker/creds/none", Answer: map[string]any{"error": "there is no role"}, Clear: madelog.TunedKeys})
	l.Do(madelog.Exchange{By: carol, Operation: "update", Path: "processmaker/roles/ci", Data: map[string]any{"ttl": "1h"}})
	l.Now = l.Now.Add(30 * time.Minute)
	l.Ended(left, carol, "lease")
}

func TestTheQuestions(t *testing.T) {
	t.Parallel()
	files := made(t, incident)
	with := func(arguments ...string) []string { return append(arguments, files...) }

	out, errs := ask(t, with("who", "-user", "alice")...)
	require.Equal(t, 3, strings.Count(out, "\n"), out)
	require.Contains(t, out, "READ ")
	require.Contains(t, out, "userpass-carol at 10.0.0.1")
	require.Contains(t, out, "(lease, engine's log)")
	require.Contains(t, errs, "read 14 lines, 2026-03-01T12:00:00Z to 2026-03-01T12:30:00Z")

	found := objects(t, first(ask(t, with("who", "-json", "-role", "ci")...)))
	require.Len(t, found, 1)
	require.Equal(t, "ended", found[0]["state"])
	require.Equal(t, "lease revoke", found[0]["asked_how"])
	require.Equal(t, "userpass-carol", found[0]["asked_by"].(map[string]any)["who"])
	require.Equal(t, map[string]any{"username": "carol"}, found[0]["metadata"])

	found = objects(t, first(ask(t, with("outlived", "-json")...)))
	require.Len(t, found, 1)
	require.Equal(t, "left", found[0]["role"])
	require.NotEmpty(t, found[0]["accessor"])

	require.Contains(t, first(ask(t, with("failed")...)), "there is no role")
	require.Contains(t, first(ask(t, with("changes")...)), "processmaker/roles/ci  ttl")

	id, _ := found[0]["credential_id"].(string)
	out, _ = ask(t, with("history", id)...)
	require.Equal(t, 3, strings.Count(out, "\n"), out)
	require.Contains(t, out, "lease (engine's log)")

	// Without the server's log a natural end is not known, and that is said.
	require.NotContains(t, errs, "nothing in these logs matches")
	_, errs = ask(t, with("who", "-token", "00000000000000000000000000000000")...)
	require.Contains(t, errs, "nothing in these logs matches")
	out, errs = ask(t, "who", "-role", "left", files[0])
	require.Contains(t, out, "may live until 2026-03-01 13:01:00Z")
	require.Contains(t, errs, "no line of the engine in a server's log")
}

func first(text, _ string) string { return text }

func TestDaysAndTimes(t *testing.T) {
	t.Parallel()
	files := made(t, incident)
	for day, rows := range map[string]int{"2026-02-28": 0, "2026-03-01": 2, "2026-03-02": 0} {
		require.Len(t, objects(t, first(ask(t, append([]string{"who", "-json", "-from", day, "-to", day}, files...)...))), rows, day)
	}
	require.Len(t, objects(t, first(ask(t, append([]string{"who", "-json", "-from", "2026-03-01T12:10:00Z"}, files...)...))), 1)
	require.Len(t, objects(t, first(ask(t, append([]string{"failed", "-json", "-to", "2026-03-01T11:00:00Z"}, files...)...))), 0)
}

func TestStandardInput(t *testing.T) {
	t.Parallel()
	files := made(t, incident)
	var text []byte
	for _, name := range files {
		part, err := os.ReadFile(name)
		require.NoError(t, err)
		text = append(text, part...)
	}
	var out, errs bytes.Buffer
	require.NoError(t, run([]string{"who", "-json"}, bytes.NewReader(text), &out, &errs))
	require.Len(t, objects(t, out.String()), 2)
	require.Equal(t, "lease", objects(t, out.String())[1]["end_reason"])
}

func TestWrongCommands(t *testing.T) {
	t.Parallel()
	for says, arguments := range map[string][]string{
		"there is no question":      {"whom"},
		"2026-03-01":                {"who", "-from", "yesterday"},
		"put the flags before":      {"who", "audit.log", "-json"},
		"name the credential first": {"history", "-json"},
		"not defined":               {"failed", "-user", "x"},
		"not the token itself":      {"who", "-token", "eyJ0eXAiOiJKV1Qi.secret.signature"},
	} {
		var out, errs bytes.Buffer
		err := run(arguments, nil, &out, &errs)
		require.ErrorContains(t, err, says)
		require.ErrorAs(t, err, new(usageError))
		require.NotContains(t, err.Error()+errs.String(), "signature")
	}
	var out, errs bytes.Buffer
	require.ErrorIs(t, run(nil, nil, &out, &errs), flag.ErrHelp)
	require.Contains(t, errs.String(), "outlived")
	require.ErrorContains(t, run([]string{"who", "/nowhere/audit.log"}, nil, &out, &errs), "no such file")
}

// A log can hold anything in a path or a name; a terminal is not told to do it.
func TestATableHoldsNoControlCharacters(t *testing.T) {
	t.Parallel()
	files := made(t, func(l *madelog.Log) {
		mallory := l.Login("userpass", "mallory\x1b[2J\u009b1m\nroot")
		l.Read(mallory, "ci", "alice", time.Hour)
	})
	out, _ := ask(t, append([]string{"who"}, files...)...)
	require.NotContains(t, out, "\x1b")
	require.NotContains(t, out, "\u009b")
	require.Equal(t, 2, strings.Count(out, "\n"))
}

// An answer of any length is written in blocks and not held.
func TestALongAnswer(t *testing.T) {
	t.Parallel()
	files := made(t, func(l *madelog.Log) {
		carol := l.Login("userpass", "carol")
		for range mostHeld + 500 {
			l.Read(carol, "ci", "alice", time.Minute)
			l.Now = l.Now.Add(time.Second)
		}
	})
	out, _ := ask(t, append([]string{"who", "-json"}, files...)...)
	require.Len(t, objects(t, out), mostHeld+500)
	out, _ = ask(t, append([]string{"who"}, files...)...)
	require.Equal(t, (mostHeld+500)/block+1, strings.Count(out, "READ "))
}
