package processmakertest_test

import (
	"strings"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// script13 makes the data set of the recordings with Passport 13 out of the
// double's own.
func (s *stage) script13() script {
	for _, user := range []processmakertest.User{
		{Username: "admin", Password: "Adm1n-Secret!x", FirstName: "Admin", Administrator: true},
		{Username: "alice", Password: "Al1ce-Secret!x", FirstName: "Alice"},
		{ID: 3, Username: "twin", FirstName: "Twin"},
		{Username: "inactive", Password: "1nactive-Secret!x", FirstName: "Inactive", Status: "INACTIVE"},
		{Username: "blocked", Password: "Bl0cked-Secret!x", FirstName: "Blocked", Status: "BLOCKED"},
		{Username: "pastexpiry", Password: "Past-Secret!x1", FirstName: "Past", ExpiresAt: s.server.User("pastexpiry").ExpiresAt},
		{Username: "deleted", Password: "Del-Secret!x1", FirstName: "Deleted", Deleted: true},
		{ID: 26, Username: "bob", FirstName: "Bob"},
		{ID: 27, Username: "carol", FirstName: "Carol"},
		{ID: 28, Username: "spaces", Password: "  Sp4ces-Secret!x  ", FirstName: "Spaces"},
	} {
		user.LastName = "User"
		s.server.AddUser(user)
	}
	for _, client := range []processmakertest.Client{
		{ID: 7, Password: true},
		{ID: 8, Redirect: redirectURI, AuthorizationCode: true},
		{ID: 9, Password: true, PlainSecret: true},
		{ID: 10, Password: true, OwnerID: 2},
		{ID: 11, Redirect: redirectURI, AuthorizationCode: true, Password: true},
	} {
		s.server.AddClient(client)
	}
	s.server.SetClientSecret(7, "")
	s.server.SetClientSecret(8, "")

	values := s.standardScript()
	values["UNHASHED_CLIENT_SECRET"] = s.secret(9)
	values["OWNED_CLIENT_SECRET"] = s.secret(10)
	values["BOTH_CLIENT_SECRET"] = s.secret(11)
	values["body.timezone"] = anyValue
	values["body.datetime_format"] = anyValue
	return values
}

// code13 has a code of the administrator for any client.
func code13(client int64) func(*stage) script {
	return func(s *stage) script {
		return script{"AUTH_CODE": s.server.AuthorizationCode(processmakertest.Approval{
			ClientID: client, Username: "admin", RedirectURI: redirectURI,
		})}
	}
}

// codeWithProof13 is codeWithProof for a public client.
func codeWithProof13(s *stage) script {
	values := codeWithProof(s)
	values["AUTH_CODE"] = s.server.AuthorizationCode(processmakertest.Approval{
		ClientID: 8, Username: "admin", RedirectURI: redirectURI,
		CodeChallenge: s256(values["CODE_VERIFIER"]), CodeChallengeMethod: "S256",
	})
	return values
}

// publicRefresh has a refresh token of a client without a secret.
func publicRefresh(client string) func(*stage) script {
	return func(s *stage) script {
		f := s.passwordFields("admin")
		f["client_id"], f["client_secret"] = client, ""
		if client == "8" {
			values := codeWithProof13(s)
			f = fields{"grant_type": "authorization_code", "client_id": client, "client_secret": "",
				"code": values["AUTH_CODE"], "redirect_uri": redirectURI, "code_verifier": values["CODE_VERIFIER"]}
		}
		return script{"OLD_REFRESH_TOKEN": s.pairOf(s.grant(f)).refresh}
	}
}

// twinToken has a token of the user who has the number of client 3, from that
// client or another.
func twinToken(client string) func(*stage) script {
	return func(s *stage) script {
		f := s.passwordFields("twin")
		f["client_id"] = client
		token := s.pairOf(s.grant(f))
		return script{"ACCESS_TOKEN": token.access, "JTI": token.jti}
	}
}

func unmended(c *processmakertest.Config) { c.UnmendedPersonalClient = true }

func expiredToken(s *stage) script {
	gone := s.login("admin")
	s.clock.Advance(year)
	return script{"JTI": gone.jti, "ACCESS_TOKEN": s.login("admin").access}
}

// twoPersonalTokens has them in the order of the recording, which is that of
// their random ids.
func twoPersonalTokens(s *stage) script {
	admin := s.login("admin")
	for range 20 {
		first, second := s.personal(admin, "1", "vault"), s.personal(admin, "1", "n1")
		if first.jti < second.jti {
			return script{"ACCESS_TOKEN": admin.access, "PAT_JTI": first.jti}
		}
		s.api("DELETE", "users/1/tokens/"+first.jti, admin.access, "")
		s.api("DELETE", "users/1/tokens/"+second.jti, admin.access, "")
	}
	require.Fail(s, "no two ids are in order")
	return nil
}

// upgraded logs in before the upgrade to Passport 13.
func upgraded(s *stage) script {
	require.NoError(s, s.server.SetPassport(12))
	values := oldRefresh(s)
	require.NoError(s, s.server.SetPassport(13))
	return values
}

// maintained13 is a server whose maintenance has no announced end.
func maintained13(s *stage) script {
	token := s.login("admin").access
	s.server.Inject(processmakertest.Fault{On: processmakertest.Any, Do: processmakertest.Maintenance(0)})
	return script{"ACCESS_TOKEN": token}
}

// bobGone has a token of a user who was deleted since.
func bobGone(s *stage) script {
	token := s.login("bob").access
	s.server.DeleteUser("bob")
	return script{"ACCESS_TOKEN": token}
}

func failedRefreshes(s *stage) script {
	values := oldRefresh(s)
	wrong := refreshFields(values["OLD_REFRESH_TOKEN"])
	wrong["client_secret"] = strings.Repeat("x", 40)
	s.grant(wrong)
	wider := refreshFields(values["OLD_REFRESH_TOKEN"])
	wider["scope"] = "*"
	s.grant(wider)
	return values
}

// overTheLimit13 has a token, too.
func overTheLimit13(s *stage) script {
	token := s.login("admin").access
	for range 59 {
		s.grant(fields{"grant_type": "magic"})
	}
	return script{"KEEP_WINDOW": "yes", "ACCESS_TOKEN": token}
}
