//go:build unix

package acceptance

import (
	"fmt"
	"net/http"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// driveFailures lets every exchange of every operation fail in every way, once
// and for good.
func (l *leakTest) driveFailures() {
	l.t.Helper()
	operations := map[string]func(c credential){
		"check config": func(credential) { l.attempt(http.MethodPost, "config", fields{"verify_connection": true}) },
		"check role":   func(credential) { l.attempt(http.MethodPost, "roles/ci", merge(l.role, fields{"verify": true})) },
		"read":         func(credential) { _, _ = l.tryRead("ci") },
		"renew":        func(c credential) { _, _ = l.client.Sys().Renew(c.LeaseID, 7200) },
		"revoke":       func(c credential) { _ = l.tryRevoke(c) },
	}
	for _, do := range operations {
		for _, effect := range l.effects() {
			for _, times := range []int{1, -1} {
				// Written anew, nothing is remembered of the last failure.
				l.write("config", merge(l.config, fields{"verify_connection": false}))
				l.write("roles/ci", l.role)
				c := l.mount.read("ci")
				remove := l.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: times, Do: effect})
				do(c)
				remove()
			}
		}
	}
	l.write("config", merge(l.config, fields{"verify_connection": false}))
	l.write("roles/ci", l.role)
	c := l.mount.read("ci")
	l.pm.GoOffline()
	for _, do := range operations {
		do(c)
	}
	if err := l.pm.GoOnline(); err != nil {
		l.t.Error(err)
	}
	l.write("config", merge(l.config, fields{"verify_connection": false}))
	l.mount.read("ci")
}

// effects is all that can happen to an exchange, with answers that repeat the
// secrets they were asked with, as a server in debug mode does.
func (l *leakTest) effects() []processmakertest.Effect {
	echo := fmt.Sprintf("%s %s %s", l.password, l.clientSecret, l.proxyPassword)
	headers := http.Header{
		"Content-Type": {"application/json"}, "Retry-After": {l.password}, "Www-Authenticate": {"Basic realm=" + l.clientSecret},
		"X-Ratelimit-Remaining": {l.password}, "Server": {l.password},
	}
	oauth := func(code string) string {
		return fmt.Sprintf(`{"error":%q,"error_description":%q,"message":%q,"hint":%q}`, code, echo, echo, echo)
	}
	page := func(int, []byte) (int, []byte) { return http.StatusOK, []byte("<html>" + echo + "</html>") }
	effects := []processmakertest.Effect{
		processmakertest.Refuse(),
		processmakertest.LoseAnswer(),
		processmakertest.HalfRefresh(),
		processmakertest.Truncated(),
		processmakertest.Huge(),
		processmakertest.ServerError(),
		processmakertest.Maintenance(7),
		processmakertest.Throttled(1),
		processmakertest.HTMLPage(http.StatusBadGateway),
		processmakertest.Redirect("https://127.0.0.1:1/?" + l.password),
		processmakertest.Replace(page),
		processmakertest.AnswerAfter(http.StatusGatewayTimeout, headers, echo),
		processmakertest.Answer(http.StatusOK, headers, oauth("")),
		processmakertest.Answer(http.StatusOK, headers, fmt.Sprintf(
			`{"token_type":"Bearer","expires_in":31536000,"access_token":%q,"refresh_token":%q}`, l.secret("access token"), l.secret("refresh token"))),
	}
	// In an order, as some count through them.
	for _, refusal := range []struct {
		status int
		code   string
	}{
		{http.StatusBadRequest, "invalid_grant"}, {http.StatusUnauthorized, "invalid_client"}, {http.StatusForbidden, "access_denied"},
		{http.StatusNotFound, l.password}, {http.StatusInternalServerError, "server_error"}, {http.StatusServiceUnavailable, l.clientSecret},
	} {
		effects = append(effects, processmakertest.Answer(refusal.status, headers, oauth(refusal.code)))
	}
	return append(effects, processmakertest.Answer(http.StatusUnauthorized, headers, oauth("invalid_request")))
}
