package client_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/clock"
)

// answering is a client of a token endpoint that always says body.
func answering(t *testing.T, body string) *client.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	c, err := client.New(configFor(t, server.URL), clock.System())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func signedWith(algorithm string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"typ":"JWT","alg":"`+algorithm+`"}`)) + "." + encode([]byte(`{"jti":"ab","exp":4102444800,"sub":"2"}`)) + "." + encode([]byte("signature"))
}

func TestWhatATokenAnswerHasToHold(t *testing.T) {
	t.Parallel()
	for body, kind := range map[string]client.Kind{
		`{}`:                        client.NotProcessMaker,
		`{"access_token":""}`:       client.NotProcessMaker,
		`{"access_token":["a"]}`:    client.NotProcessMaker,
		`[]`:                        client.NotProcessMaker,
		`{"access_token":"opaque"}`: client.UnusableToken,
		`{"access_token":"` + signedWith("HS256") + `"}`: client.UnusableToken,
	} {
		_, err := answering(t, body).For(ci).PasswordGrant(context.Background(), client.AuthClient{ID: "3", Secret: "s"}, client.Login{Username: "a", Password: "b"})
		require.Equal(t, kind, client.KindOf(err), "%s: %v", body, err)
	}
}

func TestAConfusedFieldIsNamed(t *testing.T) {
	t.Parallel()
	const marker = "S3CR3T-MARKER"
	for body, says := range map[string]string{
		`"token_type":["` + marker + `"]`:        "the token_type of the answer is no text",
		`"refresh_token":{"a":"` + marker + `"}`: "the refresh_token of the answer is no text",
		`"refresh_token":1e400`:                  "the refresh_token of the answer is no text",
		`"access_token":["` + marker + `"]`:      "the access_token of the answer is no text",
		`"access_token":""`:                      "no access_token",
		`"token_type":"` + marker + `"`:          "token_type is not Bearer",
	} {
		answer := `{"access_token":"` + signedWith("RS256") + `",` + body + `}`
		_, err := answering(t, answer).For(ci).PasswordGrant(context.Background(), client.AuthClient{ID: "3", Secret: "s"}, client.Login{Username: "a", Password: "b"})
		require.ErrorContains(t, err, says, body)
		require.NotContains(t, err.Error(), marker)
		require.True(t, client.AnswerLost(err), "a token may live")
	}
}

// What is not used must not spoil a token that lives.
func TestATokenAnswerIsTakenWhateverElseItSays(t *testing.T) {
	t.Parallel()
	token := signedWith("RS256")
	grant, err := answering(t, `{"token_type":"Bearer","expires_in":{"odd":true},"scope":7,"access_token":"`+token+`","refresh_token":"r"}`).
		For(ci).PasswordGrant(context.Background(), client.AuthClient{ID: "3", Secret: "s"}, client.Login{Username: "a", Password: "b"})
	require.NoError(t, err)
	require.Equal(t, token, grant.Access.Value)
	require.Equal(t, "Bearer", grant.Access.Type)
	require.Equal(t, "r", grant.Refresh)
}

func TestARefreshWithoutANewRefreshTokenKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	grant, err := answering(t, `{"access_token":"`+signedWith("RS256")+`"}`).
		For(ci).RefreshGrant(context.Background(), client.AuthClient{ID: "3", Secret: "s"}, "old")
	require.NoError(t, err)
	require.Equal(t, "old", grant.Refresh)
}

func TestGrantsInBothClientAuthenticationMethods(t *testing.T) {
	t.Parallel()
	for _, method := range []client.AuthMethod{client.ClientSecretPost, client.ClientSecretBasic} {
		f := newFixture(t)
		f.auth.Method = method
		first := f.sign(t)
		require.Equal(t, "2", first.Access.UserID)
		require.Equal(t, noon, first.Access.ReceivedAt)
		second, err := f.client.For(ci).RefreshGrant(context.Background(), f.auth, first.Refresh)
		require.NoError(t, err)
		require.NotEqual(t, first.Access.ID, second.Access.ID)
		require.NotEqual(t, first.Refresh, second.Refresh)
		for _, exchange := range f.pm.Exchanges() {
			require.Equal(t, method == client.ClientSecretBasic, exchange.BasicAuth)
			require.Equal(t, "application/x-www-form-urlencoded", exchange.ContentType)
			require.Equal(t, "application/json", exchange.Accept)
			require.Equal(t, "test/1", exchange.UserAgent)
		}
	}
}

func TestScopesAreSentOnlyIfSet(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.login.Scopes = []string{"*"}
	f.sign(t)
	f.login.Scopes = []string{"unknown"}
	_, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.Equal(t, client.ScopeRefused, client.KindOf(err))
}

func TestLeague9(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *processmakertest.Config) { c.League9 = true })
	grant := f.sign(t)
	_, err := f.client.For(ci).RefreshGrant(context.Background(), f.auth, grant.Refresh)
	require.NoError(t, err)
	_, err = f.client.For(ci).RefreshGrant(context.Background(), f.auth, grant.Refresh)
	require.Equal(t, client.GrantDead, client.KindOf(err))
}

func TestADeadRefreshTokenIsNotABadRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.client.For(ci).RefreshGrant(context.Background(), f.auth, "def50200")
	require.Equal(t, client.GrantDead, client.KindOf(err))
	_, err = f.client.For(ci).RefreshGrant(context.Background(), f.auth, "")
	require.Error(t, err)
	f.auth.Secret = "wrong"
	_, err = f.client.For(ci).RefreshGrant(context.Background(), f.auth, "def50200")
	require.Equal(t, client.ClientRefused, client.KindOf(err))
	require.True(t, client.RefusedWithoutUse(err))
}
