package client_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
)

// FuzzAPIReply answers every call of the REST API with anything: what comes of
// it is complete, or a typed error that quotes nothing.
func FuzzAPIReply(f *testing.F) {
	const json = "application/json"
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `{"data":null}`, `{"data":{}}`, `{"data":[null]}`, `{"data":[{"id":null,"name":"` + secretMarker + `"}]}`,
		`{"data":[{"id":"a"}]}`, `{"data":[{"id":1,"name":"n","created_at":5}]}`, `{"data":[],"data":null}`, "\xef\xbb\xbf{\"data\":[]}",
		`{"accessToken":"` + secretMarker + `"}`, `{"accessToken":["` + secretMarker + `"]}`, `{"accessToken":null,"token":{}}`,
		`{"id":2}`, `{"id":2,"is_administrator":null}`, `{"id":2,"username":"` + secretMarker + `","is_administrator":"no"}`, `{"id":2,"is_administrator":true,"IS_ADMINISTRATOR":false}`,
		`{"error":["Unauthenticated."]}`, `{"error":"` + secretMarker + `"}`, strings.Repeat("[", 5000),
	} {
		for _, status := range []int{200, 201, 204, 401, 403, 404, 422, 500} {
			f.Add(status, json, body)
		}
		f.Add(200, "application/json; charset=\"", body)
		f.Add(200, "text/html", body)
	}
	fuzzReplies(f, func(t *testing.T, c *client.Client, body string) {
		// Old enough that a refusal is not repeated.
		token := client.Token{Value: "v", Type: "Bearer", ID: "a", UserID: "2", ReceivedAt: time.Now().Add(-time.Hour)}
		ctx := context.Background()
		check := func(err error) bool {
			if err == nil {
				return true
			}
			requireQuotesNothing(t, err)
			return false
		}
		made, err := c.CreatePersonalToken(ctx, token, "2", "n")
		if check(err) {
			require.NotEmpty(t, made.ID)
			require.NotEmpty(t, made.UserID)
		}
		tokens, err := listed(c, token)
		if check(err) {
			require.Contains(t, strings.ToLower(body), "data")
			for _, one := range tokens {
				require.NotEmpty(t, one.ID)
			}
		}
		user, err := c.ShowUser(ctx, token, "2")
		if check(err) {
			require.Equal(t, "2", user.ID)
			require.Contains(t, strings.ToLower(body), "is_administrator")
		}
		_, err = c.TokenAlive(ctx, token)
		check(err)
		check(c.RevokeToken(ctx, token))
		check(c.RevokeTokenOf(ctx, token, "2", "a"))
		check(c.CheckConnection(ctx))
	})
}
