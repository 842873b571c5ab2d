package processmakertest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func basicOf(client int64) func(*stage) script {
	return func(s *stage) script { return script{"BASIC": basic("3", s.secret(client))} }
}

// tokenOf logs a user in; the token also serves as the one that is addressed.
func tokenOf(username string) func(*stage) script {
	return func(s *stage) script {
		token := s.login(username)
		return script{"ACCESS_TOKEN": token.access, "JTI": token.jti}
	}
}

func aliceChanged(s *stage) script {
	admin := s.login("admin")
	s.api("PUT", "users/2", admin.access,
		`{"username":"alice","firstname":"Alice","lastname":"Doe","email":"alice@example.com","status":"ACTIVE","password":"New-Passw0rd!"}`)
	return nil
}

// oldRefresh has a refresh token under both names that the recordings use.
func oldRefresh(s *stage) script {
	token := s.login("admin").refresh
	return script{"OLD_REFRESH_TOKEN": token, "REFRESH_TOKEN": token}
}

func brokenRefresh(s *stage) script {
	s.server.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.HalfRefresh()})
	return oldRefresh(s)
}

const redirectURI = "http://127.0.0.1:8250/oauth/callback"

func code(s *stage) script {
	return script{"AUTH_CODE": s.server.AuthorizationCode(processmakertest.Approval{
		ClientID: 2, Username: "admin", RedirectURI: redirectURI,
	})}
}

func codeWithProof(s *stage) script {
	verifier := strings.Repeat("verifier-", 6)
	return script{
		"CODE_VERIFIER":       verifier,
		"WRONG_CODE_VERIFIER": strings.Repeat("wrong-", 9),
		"AUTH_CODE": s.server.AuthorizationCode(processmakertest.Approval{
			ClientID: 2, Username: "admin", RedirectURI: redirectURI,
			CodeChallenge: s256(verifier), CodeChallengeMethod: "S256",
		}),
	}
}

func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func withState(*stage) script { return script{"STATE": "the-state"} }

// signedIn opens a web session.
func signedIn(s *stage) script {
	s.webLogin("admin")
	return withState(s)
}

func approvePageOpen(s *stage) script {
	values := signedIn(s)
	values["FORM_TOKEN"] = s.formToken(s.send("GET", authorizePath(url.Values{"state": {values["STATE"]}}), ""))
	return values
}

func personalToken(s *stage) script {
	admin := s.login("admin")
	token := s.personal(admin, "1", "vault")
	return script{"ACCESS_TOKEN": admin.access, "PAT_JTI": token.jti, "PERSONAL_ACCESS_TOKEN": token.access}
}

func deletedPersonalToken(s *stage) script {
	values := personalToken(s)
	s.api("DELETE", "users/1/tokens/"+values["PAT_JTI"], values["ACCESS_TOKEN"], "")
	return values
}

// overTheLimit uses up the minute and stays in it.
func overTheLimit(s *stage) script {
	for range 60 {
		s.grant(fields{"grant_type": "magic"})
	}
	return script{"KEEP_WINDOW": "yes"}
}

func inMaintenance(s *stage) script {
	values := oldRefresh(s)
	values["ACCESS_TOKEN"] = s.login("admin").access
	s.server.Inject(processmakertest.Fault{On: processmakertest.Any, Do: processmakertest.Maintenance(60)})
	return values
}

func withoutDatabase(s *stage) script {
	values := oldRefresh(s)
	values["ACCESS_TOKEN"] = s.login("admin").access
	s.server.Inject(processmakertest.Fault{On: processmakertest.Any, Do: processmakertest.DatabaseAway()})
	return values
}

// tampered has a token whose signature was changed.
func tampered(s *stage) script {
	access := s.login("admin").access
	last := "A"
	if strings.HasSuffix(access, last) {
		last = "Q"
	}
	return script{"TAMPERED_ACCESS_TOKEN": access[:len(access)-1] + last}
}

func withoutWorkers(s *stage) script {
	s.server.Inject(processmakertest.Fault{On: processmakertest.Any, Do: processmakertest.BadGateway()})
	return nil
}
