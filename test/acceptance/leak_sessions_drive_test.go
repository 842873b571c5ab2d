//go:build unix

package acceptance

import (
	"fmt"
	"net/http"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// driveSignIns walks the life of every kind of session.
func (l *sessionLeakTest) driveSignIns() {
	l.t.Helper()
	code, state := l.obtain("alice")
	l.write("sessions/people", fields{"code": code, "state": state})
	l.write("sessions/imported", fields{"refresh_token": l.refreshToken("alice")})
	roles := []string{"ci", "people", "imported"}
	for _, role := range roles {
		c := l.renew(l.mount.read(role), 7200)
		l.revoke(c)
		l.get("sessions/" + role)
		l.get("roles/" + role)
	}
	l.list("sessions")
	l.loseAccessToken()
	_, err := l.client.Sys().ReloadPlugin(&api.ReloadPluginInput{Mounts: []string{l.path}})
	require.NoError(l.t, err)
	for _, role := range roles {
		l.mount.read(role) // by a refreshed session
		l.get("sessions/" + role)
	}

	// Another user than the first, and a replay.
	code, state = l.obtain("admin")
	require.Error(l.t, l.complete("people", code, state))
	require.Error(l.t, l.complete("people", code, state))
	require.Error(l.t, l.tryWrite("sessions/imported", fields{"refresh_token": l.refreshToken("admin")}))
}

// driveLostChains loses every session in a way that no refresh mends. It comes
// late, as a token that was just made and is refused is asked about for a while.
func (l *sessionLeakTest) driveLostChains() {
	l.t.Helper()
	roles := []string{"ci", "people", "imported"}
	require.ElementsMatch(l.t, append(roles, "app"), l.list("sessions"))
	l.pm.RotateAppKey()
	l.loseAccessToken()
	for _, role := range roles {
		_, _ = l.tryRead(role)
		l.get("sessions/" + role)
	}
	for _, role := range roles {
		l.delete("sessions/" + role)
	}
	l.calm()
}

// driveSessionMistakes puts secrets where they do not belong.
func (l *sessionLeakTest) driveSessionMistakes() {
	l.t.Helper()
	mistakes := []func(secret string) fields{
		func(s string) fields { return fields{"code": s} },
		func(s string) fields { return fields{"state": s} },
		func(s string) fields { return fields{"code": s, "state": s} },
		func(s string) fields { return fields{"code": []string{s, s}, "state": s} },
		func(s string) fields { return fields{"code": s, "state": fields{"nested": s}} },
		func(s string) fields { return fields{"refresh_token": s} },
		func(s string) fields { return fields{"refresh_token": s, "code": s} },
		func(s string) fields { return fields{"refresh_token": []string{s, s}} },
		func(s string) fields { return fields{"refresh_token": fields{"nested": s}} },
		func(s string) fields { return fields{"refresh_token": s, "no_such_field": s} },
		func(s string) fields { return fields{"refreshtoken": s} },
	}
	for i, mistake := range mistakes {
		for _, path := range []string{"sessions/people", "sessions/imported", "sessions/ci", "sessions/none", "authorize/people", "tidy", "static-creds/app", "creds/ci"} {
			l.attempt(http.MethodPost, path, mistake(l.secret(fmt.Sprintf("session mistake %d at %s", i, path))))
		}
	}
	// A real code with a state of somebody else's, and the other way round.
	code, state := l.obtain("alice")
	_, other := l.obtain("alice")
	require.Error(l.t, l.complete("people", code, other))
	require.Error(l.t, l.complete("people", code+"x", state))
	l.calm()
}

// driveSessionFailures lets every exchange that sessions are about fail in every
// way.
func (l *sessionLeakTest) driveSessionFailures() {
	l.t.Helper()
	operations := []struct {
		on processmakertest.Endpoint
		// begin is what comes before the failure and gives the secrets that
		// ProcessMaker may repeat.
		begin func() []string
		do    func(secrets []string)
	}{
		{
			on:    processmakertest.CreateToken,
			begin: func() []string { return nil },
			do: func([]string) {
				_, _ = l.tryRead("ci")
				l.attempt(http.MethodGet, "static-creds/app", nil)
			},
		},
		{
			on: processmakertest.ListTokens,
			begin: func() []string {
				l.mount.read("ci")
				return nil
			},
			do: func([]string) { l.attempt(http.MethodPost, "credentials/revoke", fields{"role": "ci"}) },
		},
		{
			on: processmakertest.AuthorizationCodeGrant,
			begin: func() []string {
				code, state := l.obtain("alice")
				return []string{code, state}
			},
			do: func(s []string) { _ = l.complete("people", s[0], s[1]) },
		},
		{
			on:    processmakertest.RefreshGrant,
			begin: func() []string { return []string{l.refreshToken("alice")} },
			do:    func(s []string) { l.attempt(http.MethodPost, "sessions/imported", fields{"refresh_token": s[0]}) },
		},
		{
			on:    processmakertest.ShowUser,
			begin: func() []string { return []string{l.refreshToken("alice")} },
			do:    func(s []string) { l.attempt(http.MethodPost, "sessions/imported", fields{"refresh_token": s[0]}) },
		},
	}
	for _, operation := range operations {
		for i := range len(l.sessionEffects(nil)) {
			l.calm()
			secrets := operation.begin()
			effect := l.sessionEffects(secrets)[i]
			remove := l.pm.Inject(processmakertest.Fault{On: operation.on, Times: -1, Do: effect})
			operation.do(secrets)
			remove()
		}
	}
	l.calm()
	l.write("credentials/revoke", fields{"all": true})
}

// sessionEffects are all effects, and some that repeat what the call was about.
func (l *sessionLeakTest) sessionEffects(secrets []string) []processmakertest.Effect {
	echo := fmt.Sprint(secrets)
	header := http.Header{"Content-Type": {"application/json"}, "Retry-After": {echo}, "Server": {echo}}
	body := fmt.Sprintf(`{"error":%q,"message":%q,"hint":%q}`, "invalid_grant", echo, echo)
	effects := l.effects()
	for _, status := range []int{http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusInternalServerError} {
		effects = append(effects, processmakertest.Answer(status, header, body))
	}
	return append(effects, processmakertest.AnswerAfter(http.StatusBadGateway, header, body))
}
