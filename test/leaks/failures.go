package leaks

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// driveSessions renews, loses and ends sessions.
func (l *leakDrive) driveSessions() {
	l.T.Helper()
	l.calm()
	l.put("sessions/people", l.signIn())
	l.lend("people")
	l.Clock.Advance(time.Hour)
	l.endLogins()
	l.lend("people") // by a refreshed session
	l.send(logical.ReadOperation, "sessions/people", nil)
	l.Clock.Advance(time.Hour)
	l.Pm.RotateAppKey()
	l.endLogins()
	l.lend("people")
	l.send(logical.ReadOperation, "sessions/people", nil)
	l.send(logical.DeleteOperation, "sessions/people", nil)
	l.lend("pat")
	l.send(logical.DeleteOperation, "sessions/pat", nil)
}

// endLogins ends all tokens at ProcessMaker that are no personal ones.
func (l *leakDrive) endLogins() {
	for _, token := range l.Pm.LiveTokens() {
		if token.Name == "" {
			l.Pm.RevokeTokenByID(token.ID)
		}
	}
}

// driveLedger lets answers get lost and deadlines pass, with ProcessMaker there
// and not.
func (l *leakDrive) driveLedger() {
	l.T.Helper()
	l.calm()
	for _, endpoint := range []processmakertest.Endpoint{processmakertest.CreateToken, processmakertest.PasswordGrant} {
		for _, effect := range []processmakertest.Effect{processmakertest.LoseAnswer(), processmakertest.AnswerAfter(http.StatusBadGateway, nil, "<html>")} {
			remove := l.Pm.Inject(processmakertest.Fault{On: endpoint, Times: 1, Do: effect})
			l.lend("pat")
			l.lend("ci")
			remove()
			l.calm()
		}
	}
	lent := l.lend("ci")
	require.NotNil(l.T, lent)
	l.lend("pat")
	l.GoDown()
	for range 3 { // Vault's repetitions, until the ledger takes over
		l.Clock.Advance(3 * time.Minute)
		l.note("revoke", nil, lent.TryRevoke())
	}
	l.send(logical.ReadOperation, "creds/ci", nil)
	l.Clock.Advance(48 * time.Hour)
	l.Tick()
	l.send(logical.ReadOperation, "status", nil)
	require.NoError(l.T, l.Pm.GoOnline())
	for range 3 {
		l.Clock.Advance(time.Minute)
		l.Tick()
	}
}

// driveSchedule lets a rotation by schedule fail.
func (l *leakDrive) driveSchedule() {
	l.T.Helper()
	l.calm()
	password := l.secrets.Make("password")
	l.Pm.AddUser(processmakertest.User{Username: "nightly", Password: password})
	l.put("roles/nightly", map[string]any{"username": "nightly", "password": password, "password_rotation_period": "1h"})
	l.Pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Times: 1, Do: processmakertest.Refuse()})
	l.Clock.Advance(2 * time.Hour)
	l.Tick()
	l.send(logical.ReadOperation, "status/nightly", nil)
	l.send(logical.DeleteOperation, "roles/nightly", nil)
}

// driveMistakes puts a secret into every field of every path, in a shape that
// it cannot have, and into fields that are not there.
func (l *leakDrive) driveMistakes() {
	l.T.Helper()
	l.calm()
	for _, path := range l.Backend.Framework().Paths {
		example := l.exampleOf(path)
		names := []string{"no_such_field", "passwort"}
		for name := range path.Fields {
			names = append(names, name)
		}
		for operation := range path.Operations {
			if operation == logical.DeleteOperation || operation == logical.ListOperation && len(path.Fields) == 0 {
				continue
			}
			for _, name := range names {
				if name == "name" || name == "credential_id" {
					continue // Vault takes them from the path
				}
				secret := l.secrets.Make("mistake")
				for _, wrong := range []any{map[string]any{"nested": secret}, []any{secret, map[string]any{"nested": secret}}} {
					l.send(operation, example, map[string]any{name: wrong})
				}
				if isSecretField(path, name) {
					l.send(operation, example, map[string]any{name: secret})
				}
			}
		}
		l.calm()
	}
}

// isSecretField: what is written there is never shown, be it right or wrong.
func isSecretField(path *framework.Path, name string) bool {
	field, known := path.Fields[name]
	return !known || (field.DisplayAttrs != nil && field.DisplayAttrs.Sensitive)
}

// matches tells whether a request to this example goes to the path.
func matches(path *framework.Path, example string) bool {
	backend := &framework.Backend{Paths: []*framework.Path{{Pattern: path.Pattern, Operations: path.Operations, ExistenceCheck: path.ExistenceCheck}}}
	return backend.Route(example) != nil
}

// driveFailures lets every operation fail in every way that ProcessMaker and
// what stands before it know, and storage too.
func (l *leakDrive) driveFailures() {
	l.T.Helper()
	for i := range l.effects() {
		for _, times := range []int{1, -1} {
			l.calm()
			lent := []*mounttest.Lease{l.lend("ci"), l.lend("pat")}
			remove := l.Pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: times, Do: l.effects()[i]})
			for _, r := range l.requests() {
				l.sendRequest(r)
			}
			for _, one := range lent {
				l.renewAndRevoke(one)
			}
			l.Clock.Advance(26 * time.Hour)
			l.Tick()
			remove()
		}
	}
	l.calm()
	lent := []*mounttest.Lease{l.lend("ci"), l.lend("pat")}
	l.Storage.FailPuts(mounttest.AnyKey)
	l.Storage.FailDeletes(true)
	for _, r := range l.requests() {
		l.sendRequest(r)
	}
	for _, one := range lent {
		l.renewAndRevoke(one)
	}
	l.send(logical.DeleteOperation, "roles/ci", nil)
	l.send(logical.DeleteOperation, "sessions/pat", nil)
	l.send(logical.DeleteOperation, "config", nil)
	l.Storage.FailPuts(nil)
	l.Storage.FailDeletes(false)
}

// effects repeat the secrets that they were asked with, as a server in debug
// mode does.
func (l *leakDrive) effects() []processmakertest.Effect {
	echo := fmt.Sprint(l.roles["ci"]["password"], " ", l.config["client_secret"])
	header := http.Header{"Content-Type": {"application/json"}, "Retry-After": {echo}, "Server": {echo}, "Location": {"/?" + echo}}
	body := func(code string) string {
		return fmt.Sprintf(`{"error":%q,"error_description":%q,"message":%q,"hint":%q}`, code, echo, echo, echo)
	}
	effects := []processmakertest.Effect{
		processmakertest.Refuse(), processmakertest.LoseAnswer(), processmakertest.Truncated(),
		processmakertest.HalfRefresh(), processmakertest.ServerError(), processmakertest.HTMLPage(http.StatusBadGateway),
		processmakertest.Answer(http.StatusOK, header, body("")), processmakertest.Answer(http.StatusFound, header, body("")),
		processmakertest.Answer(http.StatusUnauthorized, header, `{"error":"Unauthenticated.","message":"`+echo+`"}`),
	}
	for _, refusal := range []struct {
		status int
		code   string
	}{
		{http.StatusBadRequest, "invalid_grant"}, {http.StatusUnauthorized, "invalid_client"}, {http.StatusNotFound, echo},
		{http.StatusTooManyRequests, ""}, {http.StatusInternalServerError, "server_error"},
	} {
		answer := body(refusal.code)
		effects = append(effects, processmakertest.Answer(refusal.status, header, answer), processmakertest.AnswerAfter(refusal.status, header, answer))
	}
	return effects
}

// driveDeletions takes everything away, the config with live credentials first.
func (l *leakDrive) driveDeletions() {
	l.T.Helper()
	l.calm()
	l.lend("ci")
	l.send(logical.DeleteOperation, "roles/people", nil)
	l.send(logical.DeleteOperation, "config", nil)
	l.send(logical.ReadOperation, "config", nil)
	for _, r := range slices.DeleteFunc(l.requests(), func(r request) bool { return r.path == "config" }) {
		l.sendRequest(r)
	}
	for role := range l.roles {
		l.send(logical.DeleteOperation, "roles/"+role, nil)
	}
}
