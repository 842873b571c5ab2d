package trail

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
	"vault-plugin-secrets-processmaker/scripts/audit/madelog"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const hour = time.Hour

// followed is a trail over a log that a test has made.
type followed struct {
	*Trail
	t     *testing.T
	found map[string]*Credential // by role
	order []*Credential
}

// follow runs a trail over what somebody writes into the audit log and the server's log.
func follow(t *testing.T, selection Selection, act func(*madelog.Log)) *followed {
	t.Helper()
	f := &followed{Trail: New(&selection), t: t, found: map[string]*Credential{}}
	f.Credential = func(c *Credential) {
		f.found[c.Role] = c
		f.order = append(f.order, c)
	}
	f.take(act)
	f.Finish()
	return f
}

func (f *followed) take(act func(*madelog.Log)) {
	f.t.Helper()
	var audit, server bytes.Buffer
	log := madelog.New(&audit, start)
	log.Server = &server
	act(log)
	var records []logfile.Record
	for _, text := range []io.Reader{&audit, &server} {
		all, err := io.ReadAll(text)
		require.NoError(f.t, err)
		for line := range bytes.Lines(all) {
			record, err := logfile.Parse(bytes.TrimSpace(line))
			require.NoError(f.t, err)
			records = append(records, record)
		}
	}
	slices.SortStableFunc(records, func(a, b logfile.Record) int { return a.Time.Compare(b.Time) })
	for _, record := range records {
		f.Take(record)
	}
}

// of is what was found of a role.
func (f *followed) of(role string) *Credential {
	f.t.Helper()
	require.Contains(f.t, f.found, role)
	return f.found[role]
}

func (f *followed) roles() (roles []string) {
	for _, c := range f.order {
		roles = append(roles, c.Role)
	}
	slices.Sort(roles)
	return roles
}
