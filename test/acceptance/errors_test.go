//go:build unix

package acceptance

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// requireStatus requires an error answer with the status, whose text holds
// every one of the parts, in any case.
func requireStatus(t *testing.T, err error, status int, parts ...string) {
	t.Helper()
	require.Error(t, err)
	var answer *api.ResponseError
	require.ErrorAs(t, err, &answer)
	text := strings.Join(answer.Errors, "\n")
	require.Equal(t, status, answer.StatusCode, text)
	switch status {
	case http.StatusNotFound, http.StatusConflict, http.StatusBadGateway, http.StatusServiceUnavailable:
		assert.Len(t, answer.Errors, 1)
		assert.NotContains(t, text, "error occurred", "Vault's words for an error that is returned")
		assert.NotContains(t, text, "\n")
	}
	for _, part := range parts {
		assert.Contains(t, strings.ToLower(text), strings.ToLower(part))
	}
}

func isForbidden(err error) bool {
	var answer *api.ResponseError
	return errors.As(err, &answer) && answer.StatusCode == http.StatusForbidden
}

// What the operator has to put right is a 400 that says where.
func TestErrorsOfTheOperator(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		arrange func(m *mount)
		role    string
		says    []string
	}{
		"wrong password": {
			arrange: func(m *mount) { m.writeRole("ci", fields{"password": "not-the-password"}) },
			says:    []string{"password", `role "ci"`},
		},
		"unknown user": {
			arrange: func(m *mount) { m.writeRole("ci", fields{"username": "nobody"}) },
			says:    []string{"username", `role "ci"`},
		},
		"wrong client secret": {
			arrange: func(m *mount) { m.writeConfig(fields{"client_secret": "not-the-secret"}) },
			says:    []string{"client_secret", "config"},
		},
		"unknown client": {
			arrange: func(m *mount) { m.writeConfig(fields{"client_id": "4711"}) },
			says:    []string{"client_id", "config"},
		},
		"a client of the role's own without the password grant": {
			arrange: func(m *mount) {
				other := m.pm.Client(2)
				m.writeRole("ci", fields{"client_id": other.ID, "client_secret": other.Secret})
			},
			says: []string{"client_id", `role "ci"`, "password grant"},
		},
		"unknown role": {
			role: "nosuchrole",
			says: []string{"nosuchrole"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newReadyMount(t)
			if c.arrange != nil {
				c.arrange(m)
			}
			role := c.role
			if role == "" {
				role = "ci"
			}
			_, err := m.tryRead(role)
			requireStatus(t, err, http.StatusBadRequest, c.says...)
		})
	}
}

func TestErrorsOfAnUnconfiguredMount(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	_, err := m.tryRead("ci")
	requireStatus(t, err, http.StatusBadRequest, "config")
	requireStatus(t, m.tryWrite("roles/ci", m.roleFields(nil)), http.StatusBadRequest, "config")
	assert.Nil(t, m.get("config"))
	assert.Nil(t, m.get("roles/ci"))
}

func TestErrorsWhileProcessMakerIsDown(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.pm.GoOffline()
	_, err := m.tryRead("ci")
	requireStatus(t, err, http.StatusBadGateway)
	require.NoError(t, m.pm.GoOnline())
}

// Messages and help name the mount as it is, and a name that no path takes is explained.
func TestErrorsNameTheirMount(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	_, err := m.tryRead("ci")
	requireStatus(t, err, http.StatusBadRequest, "vault write "+m.at("config")+" url=")
	help, err := m.client.Help(m.at("config"))
	require.NoError(t, err)
	assert.Contains(t, help.Help, "vault write "+m.at("config")+" url=")
	assert.Contains(t, help.Help, "Example: url=https://bpm.example.com")
	for _, name := range []string{"my role", "-ci", "ci/extra"} {
		requireStatus(t, m.tryWrite("roles/"+name, fields{"username": "alice"}), http.StatusBadRequest, "role names are letters, digits")
	}
}

// An error whose answer was to be wrapped is an error, and no token that holds one.
func TestErrorsAreNotWrapped(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.pm.GoOffline()
	wrapping := m.anonymous()
	wrapping.SetToken(m.client.Token())
	wrapping.SetWrappingLookupFunc(func(string, string) string { return "60s" })
	secret, err := wrapping.Logical().Read(m.at("creds/ci"))
	require.Nil(t, secret)
	var answer *api.ResponseError
	require.ErrorAs(t, err, &answer)
	assert.Equal(t, http.StatusBadGateway, answer.StatusCode)
	assert.Contains(t, err.Error(), "ProcessMaker cannot be reached")
	require.NoError(t, m.pm.GoOnline())
}

// Two requests that exclude each other: the one that lost is told so.
func TestErrorsOfAConflict(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeRole("jobs", fields{"credential_type": "personal_access_token"})
	seen, release := make(chan struct{}), make(chan struct{})
	m.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: processmakertest.HoldAnswer(release), Match: func(*http.Request) bool {
		close(seen)
		return true
	}})
	failed := make(chan error, 1)
	go func() {
		_, err := m.tryRead("jobs")
		failed <- err
	}()
	<-seen
	m.delete("config")
	close(release)
	requireStatus(t, <-failed, http.StatusConflict, "the config was taken away or moved by another request")
}

// ProcessMaker's own limit is passed on with the time to wait, whether the
// engine was told of it by ProcessMaker or knows it already.
func TestErrorsWhenThrottled(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: processmakertest.Throttled(41)})
	_, err := m.tryRead("ci")
	requireStatus(t, err, http.StatusServiceUnavailable)
	assert.Regexp(t, `\b(40|41|42)(\.\d+)? ?s`, err.Error(), "the time to wait")

	calls := m.pm.Count(processmakertest.AnyToken)
	_, err = m.tryRead("ci")
	requireStatus(t, err, http.StatusServiceUnavailable)
	assert.Equal(t, calls, m.pm.Count(processmakertest.AnyToken), "asked again although told to wait")
}

// The engine's own budget is ProcessMaker's limit: the reads beyond it fail
// here, with the time to wait, and never there.
func TestErrorsWhenTheBudgetIsSpent(t *testing.T) {
	t.Parallel()
	const limit = 5
	m := newMount(t, throttled(limit))
	m.writeConfig(fields{"token_requests_per_minute": limit})
	m.writeRole("ci", nil)
	for range limit {
		m.read("ci")
	}
	_, err := m.tryRead("ci")
	requireStatus(t, err, http.StatusServiceUnavailable)
	for _, exchange := range m.pm.Exchanges() {
		assert.NotEqual(t, http.StatusTooManyRequests, exchange.Status)
	}
}

// What comes back is not what ProcessMaker says: a clear error without any of
// it, and a redirect is not followed.
func TestErrorsOfOddReplies(t *testing.T) {
	t.Parallel()
	const private = "canary-in-the-reply"
	cases := map[string]struct {
		effect processmakertest.Effect
		says   []string
	}{
		"HTML":           {processmakertest.HTMLPage(http.StatusOK), nil},
		"HTML error":     {processmakertest.HTMLPage(http.StatusInternalServerError), nil},
		"redirect":       {processmakertest.Redirect("https://127.0.0.1:1/" + private), []string{"redirect"}},
		"truncated":      {processmakertest.Truncated(), nil},
		"huge":           {processmakertest.Huge(), nil},
		"server error":   {processmakertest.ServerError(), nil},
		"maintenance":    {processmakertest.Maintenance(30), nil},
		"not found":      {processmakertest.Answer(http.StatusNotFound, nil, private), nil},
		"method refused": {processmakertest.Answer(http.StatusMethodNotAllowed, nil, private), nil},
		"unknown tenant": {processmakertest.Answer(499, nil, private), nil},
		"JSON of another": {processmakertest.Answer(http.StatusOK,
			http.Header{"Content-Type": {"application/json"}}, `{"hello":"`+private+`"}`), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newReadyMount(t)
			m.leftovers = true // a reply cut short leaves a token that nobody holds
			before := m.pm.Count()
			m.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: 1, Do: c.effect})
			_, err := m.tryRead("ci")
			requireStatus(t, err, http.StatusBadGateway, c.says...)
			assert.NotContains(t, err.Error(), private)
			assert.NotContains(t, err.Error(), "<html")
			assert.NotContains(t, err.Error(), m.pm.User("alice").Password)
			assert.Equal(t, before+1, m.pm.Count(), "more than the one exchange")
		})
	}
}
