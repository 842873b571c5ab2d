//go:build unix

package acceptance

import (
	"fmt"
	"net/url"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// codeClient is the auth client of the double that is made for authorization
// codes.
const codeClient = 2

func clientID(client processmakertest.Client) string { return fmt.Sprint(client.ID) }

// peopleRole is a role that a person signs in for.
func (m *mount) peopleRole() fields {
	client := m.pm.Client(codeClient)
	return merge(personal, fields{
		"grant_type": "authorization_code", "redirect_uri": client.Redirect,
		"client_id": clientID(client), "client_secret": client.Secret,
	})
}

// peopleRules let somebody sign in for a role, and nothing else.
func (m *mount) peopleRules(roles ...string) (rules string) {
	for _, role := range roles {
		for _, path := range []string{"authorize/", "sessions/"} {
			rules += fmt.Sprintf("path %q { capabilities = [\"update\"] }\n", m.at(path+role))
		}
	}
	return rules
}

// begin begins a sign-in.
func (m *mount) begin(role string) (address, state string) {
	m.t.Helper()
	data := m.write("authorize/"+role, nil).Data
	address, _ = data["authorization_url"].(string)
	state, _ = data["state"].(string)
	require.NotEmpty(m.t, address)
	require.NotEmpty(m.t, state)
	return address, state
}

// approve does what a person does with the address, in a browser never used
// before, and gives what ProcessMaker sends to the redirect URI.
func (m *mount) approve(address, username string) url.Values {
	m.t.Helper()
	back, err := m.pm.SignIn(m.caller(), address, username, m.pm.User(username).Password)
	require.NoError(m.t, err)
	return back.Query()
}

// complete hands a code and a state to the engine.
func (m *mount) complete(role, code, state string) error {
	return m.tryWrite("sessions/"+role, fields{"code": code, "state": state})
}

// signIn is a whole sign-in.
func (m *mount) signIn(role, username string) {
	m.t.Helper()
	address, state := m.begin(role)
	back := m.approve(address, username)
	require.Equal(m.t, state, back.Get("state"))
	require.NoError(m.t, m.complete(role, back.Get("code"), state))
}
