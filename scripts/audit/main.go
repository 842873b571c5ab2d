// Command audit answers who held which token of the Vault secrets engine for ProcessMaker, from
// Vault's audit logs and its server's log:
//
//	go run ./scripts/audit who -user vault-ci -from 2026-03-01 audit.log vault.log
//
// It reads files, compressed ones (.gz) among them, and standard input ("-"), of one node or of
// several, in any order, and tells an audit log from a server's log by its lines. It asks no server.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
	"vault-plugin-secrets-processmaker/scripts/audit/trail"
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.As(err, new(usageError)):
		fmt.Fprintln(os.Stderr, "processmaker-audit:", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "processmaker-audit:", err)
		os.Exit(1)
	}
}

// usageError is a command that says nothing that can be done.
type usageError string

func (e usageError) Error() string { return string(e) }

// question is what is asked of the logs.
type question struct {
	name, about string
	// answer lets the trail write rows.
	answer func(*query, *trail.Trail, rows)
}

var usage = `usage: processmaker-audit QUESTION [flags] [FILE...]

  who        who held a credential: its reader, who asked for its end, when it ended and how that is known
  outlived   the credentials whose end nobody asked for
  failed     the reads that gave nobody a credential, and why
  history    what happened to one credential: history CREDENTIAL_ID [flags] [FILE...]
  changes    who changed the config, a role, a session or the mount

FILE is an audit log of Vault or a log of its server, compressed or not, in any order; "-" or none is
standard input. "processmaker-audit QUESTION -h" shows the flags.
`

func questions() []question {
	return []question{
		{"who", "who held a credential", who},
		{"outlived", "the credentials whose end nobody asked for", outlived},
		{"failed", "the reads that gave nobody a credential", failed},
		{"history", "what happened to one credential", history},
		{"changes", "who changed the config, a role, a session or the mount", changes},
	}
}

func run(arguments []string, input io.Reader, output, errs io.Writer) error {
	if len(arguments) == 0 || arguments[0] == "-h" || arguments[0] == "-help" || arguments[0] == "--help" || arguments[0] == "help" {
		fmt.Fprint(errs, usage)
		return flag.ErrHelp
	}
	for _, q := range questions() {
		if q.name == arguments[0] {
			return q.run(arguments[1:], input, output, errs)
		}
	}
	return usageError(fmt.Sprintf("there is no question %q; they are who, outlived, failed, history and changes", arguments[0]))
}

func (q question) run(arguments []string, input io.Reader, output, errs io.Writer) error {
	asked, err := parse(q, arguments, errs)
	if err != nil {
		return err
	}
	follow := trail.New(&asked.selection)
	out := newRows(asked.json, output)
	q.answer(asked, follow, out)
	logs := logfile.Logs{Names: asked.files, Standard: input, Relevant: relevant(&asked.selection)}
	counts, err := logs.Each(follow.Take)
	if err != nil {
		return err
	}
	follow.Finish()
	if err := out.flush(); err != nil {
		return err
	}
	if out.empty() {
		fmt.Fprintln(errs, "note: nothing in these logs matches the question; check the filters and the time")
	}
	report(errs, q, counts, follow)
	return nil
}
