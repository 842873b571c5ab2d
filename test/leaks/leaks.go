package leaks

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"strconv"
	"strings"
	"testing"

	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// NoSecretLeaksAnywhere drives every operation of every path through
// success, mistakes and failures, and every event, and then looks for every
// secret in the log at trace, in the events, in the answers, and in what Vault
// keeps with leases. test/acceptance has the same through a real Vault, which knows
// no events.
func NoSecretLeaksAnywhere(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	l := newLeakDrive(t, mount)
	l.driveOperations()
	l.driveLeases()
	l.driveSessions()
	l.driveLedger()
	l.driveSchedule()
	l.driveMistakes()
	l.driveFailures()
	l.driveDeletions()

	l.requireEveryOperation()
	l.requireEveryNotice()
	l.requireSecretsOfEveryKind()
	for _, reason := range []string{"lease", "ledger", "operator"} {
		require.Regexp(t, "credential ended: .*reason="+reason+" ", l.Log.String(), "no such end was looked at: add it to the drive")
	}
	l.sweep("the log", l.Log.String())
	for _, e := range l.SettledEvents() {
		l.sweep("event "+string(e.Type), mounttest.AsText(t, e.Event)+mounttest.AsText(t, e.Event.Metadata.AsMap()))
	}
	for _, shown := range l.shown {
		l.sweep(shown.where, shown.text)
	}
}

func (l *leakDrive) sweep(place, text string) {
	l.T.Helper()
	for _, name := range l.secrets.In(text) {
		l.T.Errorf("%s shows: %s", place, name)
	}
}

// requireEveryOperation: whoever adds a path adds it to the drive.
func (l *leakDrive) requireEveryOperation() {
	l.T.Helper()
	for _, path := range l.Backend.Framework().Paths {
		for operation := range path.Operations {
			key := string(operation) + " " + path.Pattern
			assert.True(l.T, l.succeeded[key], "no success of %s was looked at: add it to the drive", key)
			assert.True(l.T, l.failed[key] || cannotFail[key], "no failure of %s was looked at: add it to the drive", key)
		}
	}
}

// cannotFail are operations that only read what the mount has stored.
var cannotFail = map[string]bool{
	"list ^roles/?$": true, "list ^sessions/?$": true, "read ^status$": true, "read ^credentials/(?P<credential_id>[0-9a-v]+)$": true,
}

// requireEveryNotice requires that everything which events and counters tell
// has happened.
func (l *leakDrive) requireEveryNotice() {
	l.T.Helper()
	seen := map[string]bool{}
	for _, kind := range l.EventKinds() {
		seen[strings.TrimPrefix(kind, "processmaker/")] = true
	}
	kinds := noticeKinds(l.T)
	require.Greater(l.T, len(kinds), 15)
	for _, kind := range kinds {
		if strings.HasSuffix(kind, "-failed") {
			assert.NotZero(l.T, l.Backend.Engine().Report.Counted(kind), "%s never happened: add it to the drive", kind)
			continue
		}
		assert.True(l.T, seen[kind], "no event %s was looked at: add it to the drive", kind)
	}
	for kind := range seen {
		assert.Contains(l.T, kinds, kind)
	}
}

// noticeKinds reads the names of all that can happen out of the source.
func noticeKinds(t *testing.T) (kinds []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "internal/telemetry/reporter.go", nil, 0)
	require.NoError(t, err)
	for _, declaration := range file.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			for _, value := range spec.(*ast.ValueSpec).Values {
				literal, ok := value.(*ast.BasicLit)
				if !ok {
					continue
				}
				text, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				kinds = append(kinds, text)
			}
		}
	}
	return kinds
}

func (l *leakDrive) requireSecretsOfEveryKind() {
	l.T.Helper()
	kinds := l.secrets.Kinds()
	for _, kind := range []string{"access token", "refresh token", "code", "state", "password", "client secret", "mistake", "new password"} {
		assert.True(l.T, kinds[kind], "no %s passed by", kind)
	}
}

// note keeps what was answered, but for what an answer is there to hand out.
func (l *leakDrive) note(key string, resp *logical.Response, err error) {
	l.T.Helper()
	where := "the answer to " + key
	if err != nil || resp.IsError() {
		l.failed[key] = true
		l.keep(where, mounttest.Message(resp, err)+fmt.Sprintf("%+v", err))
		return
	}
	l.succeeded[key] = true
	if resp == nil {
		return
	}
	data := map[string]any{}
	for name, value := range resp.Data {
		data[name] = value
	}
	switch {
	case strings.Contains(key, "creds/"), key == "renew" && resp.Secret.InternalData["renew_mode"] == string(lease.Refresh):
		delete(data, "access_token")
	case strings.Contains(key, "authorize/"):
		delete(data, "state")
		delete(data, "authorization_url")
	}
	l.keep(where, mounttest.AsText(l.T, data)+mounttest.AsText(l.T, resp.Warnings))
	if resp.Secret != nil {
		internal := maps.Clone(resp.Secret.InternalData)
		if key == "renew" {
			delete(internal, "access_token") // what the data held that Vault kept and showed nobody
		}
		l.keep("the lease of "+key, mounttest.AsText(l.T, internal))
	}
}

func (l *leakDrive) keep(where, text string) { l.shown = append(l.shown, shown{where, text}) }

// CanariesAreFound: a list that finds nothing would prove nothing.
func CanariesAreFound(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	var s mounttest.Canaries
	secret := s.Make("password")
	long := "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9." + strings.Repeat("x", 60) + secret + strings.Repeat("y", 60)
	s.Add("access token", long)
	require.Equal(t, []string{"password"}, s.In(`{"error":"no `+secret+`"}`))
	require.Contains(t, s.In("... "+long[len(long)-50:]), "access token")
	require.Empty(t, s.In("eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9."))
}
