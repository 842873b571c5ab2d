package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
	"vault-plugin-secrets-processmaker/scripts/audit/trail"
)

// query is a question with its flags.
type query struct {
	selection trail.Selection
	files     []string
	json      bool
}

// values is a flag that may be given more than once.
type values struct{ list *[]string }

func (v values) String() string { return "" }
func (v values) Set(value string) error {
	*v.list = append(*v.list, value)
	return nil
}

// instant is a flag that is a time, or a day of UTC: its beginning, or with last its end.
type instant struct {
	at   *time.Time
	last bool
}

func (i instant) String() string { return "" }
func (i instant) Set(value string) error {
	if day, err := time.Parse(time.DateOnly, value); err == nil {
		if i.last {
			day = day.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
		*i.at = day
		return nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return fmt.Errorf("give a day (2026-03-01) or a time (2026-03-01T12:00:00Z)")
	}
	*i.at = at
	return nil
}

// parse reads the flags of a question and the files.
func parse(q question, arguments []string, errs io.Writer) (*query, error) {
	asked := &query{}
	s := &asked.selection
	flags := flag.NewFlagSet(q.name, flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprintf(errs, "%s: %s\n", q.name, q.about)
		flags.PrintDefaults()
	}
	add := func(name string, list *[]string, text string) {
		flags.Var(values{list}, name, text+"; may be given again for another")
	}
	add("mount", &s.Mounts, "`path` that the engine is or was mounted at; without it every mount of the plugin's own name")
	flags.BoolVar(&asked.json, "json", false, "print JSON, a line for each")
	if q.name != "history" {
		add("role", &s.Roles, "`role` that was read")
		add("entity", &s.Entities, "`id` of a Vault entity, or the display name of a login, of who asked")
		flags.Var(instant{&s.From, false}, "from", "first `time` or day")
		flags.Var(instant{&s.To, true}, "to", "last `time` or day")
	}
	if q.name == "who" || q.name == "outlived" {
		add("user", &s.Users, "ProcessMaker `user` whose rights it has, by name or id")
		add("credential", &s.Credentials, "`credential_id`")
		add("token", &s.Tokens, "`token_id`, the whole jti claim of the token, or its HMAC from sys/audit-hash")
	}
	if q.name == "history" {
		if len(arguments) == 0 || strings.HasPrefix(arguments[0], "-") {
			if slices.Contains(arguments, "-h") {
				flags.Usage()
				return nil, flag.ErrHelp
			}
			return nil, usageError("name the credential first: history CREDENTIAL_ID [flags] [FILE...]")
		}
		s.Credentials, arguments = arguments[:1:1], arguments[1:]
	}
	if err := flags.Parse(arguments); err != nil {
		if err == flag.ErrHelp {
			return nil, err
		}
		return nil, usageError(err.Error())
	}
	if slices.ContainsFunc(s.Tokens, func(id string) bool { return strings.HasPrefix(id, "eyJ") }) {
		return nil, usageError("-token expects the token_id, which is the jti claim of the token, not the token itself")
	}
	asked.files = flags.Args()
	if len(asked.files) == 0 {
		asked.files = []string{logfile.Standard}
	}
	for _, file := range asked.files {
		if strings.HasPrefix(file, "-") && file != logfile.Standard {
			return nil, usageError(fmt.Sprintf("%s stands behind a file; put the flags before the files", file))
		}
	}
	return asked, nil
}

// relevant tells whether a line can matter, by the texts that it would have to hold. It reads nothing
// else of it: in most servers' logs most lines are about something else.
func relevant(s *trail.Selection) func([]byte) bool {
	texts := [][]byte{
		[]byte(trail.PluginName),
		[]byte(`"sys/leases/re`), []byte(`"sys/re`), []byte(`"sys/wrapping/`), []byte(`"sys/mounts/`), []byte(`"sys/auth/`),
		[]byte(`"auth/token/cr`), []byte(`"auth/token/re`),
		[]byte("revoked lease"), []byte(`\/`), // another program's JSON has slashes behind a backslash
	}
	for _, mount := range s.Mounts {
		texts = append(texts, []byte(`"`+strings.Trim(mount, "/")+`/`), []byte("mount="+strings.Trim(mount, "/")))
	}
	return func(line []byte) bool {
		return slices.ContainsFunc(texts, func(text []byte) bool { return bytes.Contains(line, text) })
	}
}
