//go:build unix

package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// Every request that ProcessMaker's guides show, in every form they show it.
func TestRequestFormsOfTheGuides(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.leftovers = true // the tokens here are no engine's
	for _, form := range requestForms {
		t.Run(form.name, func(t *testing.T) {
			m.pm.ResetLog()
			first := form.signInAs(m, "alice")
			require.True(t, m.accepts(first.AccessToken))
			assert.Equal(t, "Bearer", first.TokenType)
			assert.Positive(t, first.ExpiresIn)
			status, second := form.refresh(m, first.RefreshToken)
			require.Equal(t, http.StatusOK, status)
			assert.True(t, m.accepts(second.AccessToken))
			assert.False(t, m.accepts(first.AccessToken))

			codes := m.pm.Client(codeClient)
			code := m.pm.AuthorizationCode(processmakertest.Approval{ClientID: codes.ID, Username: "alice", RedirectURI: codes.Redirect})
			status, byCode := form.call(m, codes, map[string]string{
				"grant_type": "authorization_code", "redirect_uri": codes.Redirect, "code": code,
			})
			require.Equal(t, http.StatusOK, status)
			assert.True(t, m.accepts(byCode.AccessToken))
			for _, exchange := range m.pm.Exchanges() {
				assert.Equal(t, form.contentType(), exchange.ContentType)
				assert.Equal(t, form.basic, exchange.BasicAuth)
			}
			assert.Equal(t, 3, m.pm.Count(processmakertest.AnyToken))
		})
	}
	t.Run("personal access token", func(t *testing.T) {
		bearer := requestForms[0].signInAs(m, "alice")
		body, err := json.Marshal(map[string]any{"name": "by hand", "scopes": []string{}})
		require.NoError(t, err)
		alice := m.pm.User("alice")
		request, err := http.NewRequest(http.MethodPost, fmt.Sprintf("%s/api/1.0/users/%d/tokens", m.pm.URL(), alice.ID), bytes.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+bearer.AccessToken)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept", "application/json")
		response, err := m.caller().Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, http.StatusOK, response.StatusCode)
		var made struct {
			AccessToken string `json:"accessToken"`
		}
		require.NoError(t, json.NewDecoder(response.Body).Decode(&made))
		assert.True(t, m.accepts(made.AccessToken))
	})
}

// The forms that the engine uses: token calls as forms, with the auth client in
// the body or as Basic, and the API in JSON.
func TestRequestFormsOfTheEngine(t *testing.T) {
	t.Parallel()
	for method, basic := range map[string]bool{"client_secret_post": false, "client_secret_basic": true} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			m := newSessionMount(t)
			m.writeConfig(fields{"client_auth_method": method})
			m.writeRole("leased", nil)
			m.writeRole("minted", personal)
			m.write("roles/imported", importing)
			m.write("roles/people", merge(m.peopleRole(), fields{"client_auth_method": method}))
			theirs := requestForms[0].signInAs(m, "alice")
			m.pm.ResetLog()

			m.renew(m.read("leased"), 7200)
			m.read("minted")
			m.write("sessions/imported", fields{"refresh_token": theirs.RefreshToken})
			m.signIn("people", "alice")
			m.read("people")

			seen := map[processmakertest.Endpoint]int{}
			for _, exchange := range m.pm.Exchanges() {
				if !strings.HasPrefix(exchange.UserAgent, PluginName+"/") {
					continue // the person's browser
				}
				seen[exchange.Endpoint]++
				assert.True(t, strings.HasPrefix(exchange.Accept, "application/json"), exchange.Endpoint)
				switch exchange.Endpoint {
				case processmakertest.PasswordGrant, processmakertest.RefreshGrant, processmakertest.AuthorizationCodeGrant:
					assert.Equal(t, "application/x-www-form-urlencoded", exchange.ContentType, exchange.Endpoint)
					assert.Equal(t, basic, exchange.BasicAuth, exchange.Endpoint)
				case processmakertest.CreateToken:
					assert.Equal(t, "application/json", exchange.ContentType, exchange.Endpoint)
					assert.False(t, exchange.BasicAuth)
				}
			}
			for _, endpoint := range []processmakertest.Endpoint{
				processmakertest.PasswordGrant, processmakertest.RefreshGrant, processmakertest.AuthorizationCodeGrant, processmakertest.CreateToken,
			} {
				assert.Positive(t, seen[endpoint], endpoint)
			}
		})
	}
}
