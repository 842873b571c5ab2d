//go:build unix

package acceptance

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// sessionLeakTest is a leakTest of all that sessions bring along: codes and
// states, imported refresh tokens, shared credentials, tokens that are found by
// their names.
type sessionLeakTest struct {
	*leakTest
	peopleRole fields
	ciRole     fields
	appRole    fields
	// turnedRole is of a user of its own, whose password is changed.
	turnedRole fields
}

// TestNoSecretOfSessionsLeaks is TestNoSecretLeaks for the paths that have to do
// with sessions. An access token is allowed in the field access_token of creds
// and static-creds, and a state in the two fields of authorize that are there to
// show it.
func TestNoSecretOfSessionsLeaks(t *testing.T) {
	t.Parallel()
	l := newSessionLeakTest(t)
	l.driveSignIns()
	l.driveSharedAndTidy()
	l.driveOversight()
	l.driveSessionMistakes()
	l.driveSessionFailures()
	l.driveLostChains()
	// What was cut off on purpose may live on; the rest must end all the same.
	l.leftovers = true
	l.calm()
	l.mount.read("ci")
	leases := l.leasesInStorage()
	l.delete("roles/imported")
	l.delete("config")
	l.requireEveryOperation()
	l.end()
	l.path = ""

	l.requireThoroughness()
	l.requireKinds("code", "state", "refresh token to import")
	l.sweep("the server's log", l.fileText(l.server.LogPath))
	l.sweep("the audit log", l.fileText(l.server.AuditPath))
	for _, lease := range leases {
		l.sweep("a lease in Vault's storage", withoutAccessToken(lease))
	}
	for _, answer := range l.answers.all() {
		l.sweep("an answer to "+answer.request, withoutWhatIsMeant(answer))
	}
}

func newSessionLeakTest(t *testing.T) *sessionLeakTest {
	t.Helper()
	l := &sessionLeakTest{leakTest: newLeakTest(t)}
	secret := l.secret("client_secret of the people's client")
	l.pm.SetClientSecret(codeClient, secret)
	l.pm.SetPassword("admin", l.secret("password of a person"))
	l.peopleRole = l.mount.peopleRole()
	require.Equal(t, secret, l.peopleRole["client_secret"])
	l.ciRole = merge(l.role, personal)
	l.appRole = merge(l.ciRole, fields{"rotation_period": "1h"})
	turner := l.pm.AddUser(processmakertest.User{Username: "turner", Password: l.secret("password of a user")})
	l.turnedRole = fields{"username": turner.Username, "password": turner.Password}
	l.calm()
	return l
}

// calm writes everything anew, so that nothing is remembered of a failure.
func (l *sessionLeakTest) calm() {
	l.t.Helper()
	l.write("config", merge(l.config, fields{"verify_connection": false}))
	l.write("roles/ci", l.ciRole)
	l.write("roles/app", l.appRole)
	l.write("roles/people", l.peopleRole)
	l.write("roles/imported", importing)
}

// withoutWhatIsMeant is an answer without what it is there to say.
func withoutWhatIsMeant(a answer) []byte {
	switch {
	case strings.Contains(a.request, "/creds/"), strings.Contains(a.request, "/static-creds/"), strings.HasSuffix(a.request, "/leases/renew"):
		return withoutAccessToken(a.body)
	case !strings.Contains(a.request, "/authorize/"):
		return a.body
	}
	var body map[string]any
	if json.Unmarshal(a.body, &body) != nil {
		return a.body
	}
	if data, ok := body["data"].(map[string]any); ok {
		delete(data, "state")
		delete(data, "authorization_url")
	}
	rest, err := json.Marshal(body)
	if err != nil {
		return a.body
	}
	return rest
}

// requireKinds requires that secrets of these kinds passed by.
func (l *sessionLeakTest) requireKinds(kinds ...string) {
	l.t.Helper()
	l.found.mu.Lock()
	defer l.found.mu.Unlock()
	seen := map[string]bool{}
	for _, name := range l.found.names {
		seen[name] = true
	}
	for _, kind := range kinds {
		assert.True(l.t, seen[kind], "no %s passed by", kind)
	}
}

// obtain signs a person in and gives a code and its state, both on the list.
func (l *sessionLeakTest) obtain(username string) (code, state string) {
	l.t.Helper()
	address, state := l.begin("people")
	l.found.add("state", state)
	// The browser is not behind the gateway.
	back := l.approve(strings.Replace(address, l.gateway.server.URL, l.pm.URL(), 1), username)
	code = back.Get("code")
	require.NotEmpty(l.t, code)
	l.found.add("code", code)
	return code, state
}

// refreshToken gives one that another client got, on the list.
func (l *sessionLeakTest) refreshToken(username string) string {
	l.t.Helper()
	theirs := requestForms[0].signInAs(l.mount, username)
	l.found.add("refresh token to import", theirs.RefreshToken)
	l.found.add("access token", theirs.AccessToken)
	return theirs.RefreshToken
}

// loseAccessToken makes a role's session need a refresh.
func (l *sessionLeakTest) loseAccessToken() {
	for _, token := range l.pm.LiveTokens() {
		if !strings.HasPrefix(token.Name, "vault:") {
			l.pm.RevokeTokenByID(token.ID)
		}
	}
}

// driveSharedAndTidy walks the paths that end and share credentials.
func (l *sessionLeakTest) driveSharedAndTidy() {
	l.t.Helper()
	l.get("static-creds/app")
	l.get("static-creds/app")
	l.mount.read("ci")
	l.write("tidy", nil)
	l.write("credentials/revoke", fields{"role": "ci"})
	l.pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.ServerError()})
	_, _ = l.tryRead("ci")
	l.write("credentials/revoke", fields{"all": true})
	l.get("static-creds/app")
	for _, path := range []string{"sessions/", "sessions/ci", "authorize/people", "static-creds/app", "tidy", "credentials", "credentials/revoke"} {
		_, err := l.client.Help(l.at(path))
		require.NoError(l.t, err)
	}
}
