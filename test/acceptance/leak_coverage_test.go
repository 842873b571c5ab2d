//go:build unix

package acceptance

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// openAPIFile is what the engine publishes of its paths.
const openAPIFile = "test/testdata/openapi.json"

// operation is a method and path as the engine publishes them.
type operation struct{ method, path string }

func publishedOperations(t *testing.T) (all []operation) {
	t.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(repositoryText(t, openAPIFile)), &document))
	for path, methods := range document.Paths {
		for _, method := range []string{"get", "post", "patch", "delete"} {
			if methods[method] != nil {
				all = append(all, operation{method, path})
			}
		}
	}
	require.Greater(t, len(all), 20)
	return all
}

// requests matches what the recorder keeps of such requests below a mount.
func (o operation) requests(mount string) *regexp.Regexp {
	method := map[string]string{"get": "GET", "post": "(PUT|POST)", "patch": "PATCH", "delete": "DELETE"}[o.method]
	path := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(strings.TrimSuffix(o.path, "/")), "[^/]+")
	return regexp.MustCompile("^" + method + " /v1/" + mount + path + "$")
}

// requireEveryOperation: whoever adds a path adds it to the drive.
func (l *sessionLeakTest) requireEveryOperation() {
	l.t.Helper()
	answers := l.answers.all()
	for _, operation := range publishedOperations(l.t) {
		wanted := operation.requests(l.path)
		done := false
		for _, answer := range answers {
			done = done || (answer.status < http.StatusBadRequest && wanted.MatchString(answer.request))
		}
		assert.True(l.t, done, "no success of %s %s was looked at: add it to the drive", operation.method, operation.path)
	}
}

// driveOversight walks what operators and auditors look at, in good times and
// bad.
func (l *sessionLeakTest) driveOversight() {
	l.t.Helper()
	look := func() {
		for _, path := range []string{"metrics", "status", "status/ci", "status/app", "status/people", "status/imported", "config", "roles/people"} {
			l.attempt(http.MethodGet, path, nil)
			_, _ = l.client.Logical().ReadWithData(l.at(path), map[string][]string{"unmanaged": {"true"}})
		}
		l.attempt(http.MethodPost, "tidy", nil)
		for _, body := range []fields{nil, {"role": "ci"}, {"username": "alice", "dry_run": true}, {"all": true}} {
			_, _ = l.client.Logical().List(l.at("credentials"))
			l.attempt(http.MethodPost, "credentials/revoke", body)
		}
	}
	turn := func() {
		l.attempt(http.MethodPost, "rotate-role/turned", nil)
		l.found.add("rotated password", l.pm.User("turner").Password)
	}
	l.write("roles/turned", l.turnedRole)
	l.list("roles")
	l.patch("config", fields{"request_timeout": "1s"})
	l.patch("roles/ci", fields{"password": l.password})
	for range 2 {
		c := asCredential(l.t, l.write("creds/ci", fields{"ttl": "10m"}))
		l.get("credentials/" + c.CredentialID)
		l.write("credentials/"+c.CredentialID+"/revoke", nil)
		l.attempt(http.MethodPost, "credentials/"+c.CredentialID+"/revoke", nil) // again
	}
	look()
	turn()
	for i := range len(l.sessionEffects(nil)) {
		c, err := l.tryRead("ci")
		remove := l.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: -1, Do: l.sessionEffects([]string{l.password})[i]})
		look()
		turn()
		if err == nil {
			l.attempt(http.MethodPost, "credentials/"+asCredential(l.t, c).CredentialID+"/revoke", nil)
		}
		remove()
		l.calm()
	}
	for _, path := range []string{"status", "status/ci", "credentials/0sh40jd4tpoi5dbcoke41r", "credentials/0sh40jd4tpoi5dbcoke41r/revoke"} {
		_, err := l.client.Help(l.at(path))
		require.NoError(l.t, err)
	}
}
