package client_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
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
		_, err := answering(t, body).PasswordGrant(context.Background(), client.AuthClient{ID: "3", Secret: "s"}, client.Login{Username: "a", Password: "b"})
		require.Equal(t, kind, client.KindOf(err), "%s: %v", body, err)
	}
}

// What is not used must not spoil a token that lives.
func TestATokenAnswerIsTakenWhateverElseItSays(t *testing.T) {
	t.Parallel()
	token := signedWith("RS256")
	grant, err := answering(t, `{"token_type":"Bearer","expires_in":{"odd":true},"scope":7,"access_token":"`+token+`","refresh_token":"r"}`).
		PasswordGrant(context.Background(), client.AuthClient{ID: "3", Secret: "s"}, client.Login{Username: "a", Password: "b"})
	require.NoError(t, err)
	require.Equal(t, token, grant.Access.Value)
	require.Equal(t, "Bearer", grant.Access.Type)
	require.Equal(t, "r", grant.Refresh)
}

func TestARefreshWithoutANewRefreshTokenKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	grant, err := answering(t, `{"access_token":"`+signedWith("RS256")+`"}`).
		RefreshGrant(context.Background(), client.AuthClient{ID: "3", Secret: "s"}, "old")
	require.NoError(t, err)
	require.Equal(t, "old", grant.Refresh)
}
