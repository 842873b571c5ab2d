package client_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
)

// FuzzTokenReply answers token requests with anything: what comes of it is a
// usable pair or an error that quotes nothing.
func FuzzTokenReply(f *testing.F) {
	f.Add(200, "application/json", `{"token_type":"Bearer","expires_in":31536000,"access_token":"`+secretMarker+`","refresh_token":"`+secretMarker+`"}`)
	f.Add(200, "application/json", `{"access_token":["`+secretMarker+`"]}`)
	f.Add(200, "application/json; charset=UTF-8", `{"access_token":"a.b.c","expires_in":"`+secretMarker+`"}`)
	f.Add(200, "application/x-www-form-urlencoded", `access_token=`+secretMarker)
	f.Add(200, "application/json", `{"error":"`+secretMarker+`","error_description":"`+secretMarker+`"}`)
	f.Add(400, "application/json", `{"error":"invalid_grant","hint":"`+secretMarker+`"}`)
	f.Add(301, "text/html", secretMarker)

	auth := client.AuthClient{ID: "3", Secret: secretMarker}
	fuzzReplies(f, func(t *testing.T, c *client.Client, _ string) {
		for _, call := range []func() (*client.Grant, error){
			func() (*client.Grant, error) {
				return c.For(ci).PasswordGrant(context.Background(), auth, client.Login{Username: "alice", Password: secretMarker})
			},
			func() (*client.Grant, error) {
				return c.For(ci).RefreshGrant(context.Background(), auth, secretMarker)
			},
		} {
			grant, err := call()
			if err != nil {
				requireQuotesNothing(t, err)
				continue
			}
			require.NotEmpty(t, grant.Access.ID)
			require.NotEmpty(t, grant.Access.UserID)
			require.False(t, grant.Access.ExpireTime.IsZero())
		}
	})
}
