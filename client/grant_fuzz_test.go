package client_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/clock"
)

// FuzzTokenReply answers token requests with anything: what comes of it is a
// usable pair or an error that quotes nothing.
func FuzzTokenReply(f *testing.F) {
	const marker = "S3CR3T-MARKER"
	f.Add(200, "application/json", `{"token_type":"Bearer","expires_in":31536000,"access_token":"`+marker+`","refresh_token":"`+marker+`"}`)
	f.Add(200, "application/json", `{"access_token":["`+marker+`"]}`)
	f.Add(200, "application/json; charset=UTF-8", `{"access_token":"a.b.c","expires_in":"`+marker+`"}`)
	f.Add(200, "application/x-www-form-urlencoded", `access_token=`+marker)
	f.Add(200, "application/json", `{"error":"`+marker+`","error_description":"`+marker+`"}`)
	f.Add(400, "application/json", `{"error":"invalid_grant","hint":"`+marker+`"}`)
	f.Add(301, "text/html", marker)

	type answer struct {
		status            int
		contentType, body string
	}
	var next atomic.Pointer[answer]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a := next.Load()
		w.Header().Set("Content-Type", a.contentType)
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.body))
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		if status < 200 || status > 599 {
			t.Skip("not a final HTTP status")
		}
		// A client of its own: what one answer taught is not the next one's.
		c, err := client.New(configFor(t, server.URL), clock.System())
		require.NoError(t, err)
		defer c.Close()
		next.Store(&answer{status, contentType, body})
		for _, call := range []func() (*client.Grant, error){
			func() (*client.Grant, error) {
				return c.PasswordGrant(context.Background(), client.AuthClient{ID: "3", Secret: marker}, client.Login{Username: "alice", Password: marker})
			},
			func() (*client.Grant, error) {
				return c.RefreshGrant(context.Background(), client.AuthClient{ID: "3", Secret: marker}, marker)
			},
		} {
			grant, err := call()
			if err != nil {
				require.NotZero(t, client.KindOf(err))
				if strings.Contains(err.Error(), marker) {
					t.Fatalf("the error quotes a secret: %s", err)
				}
				continue
			}
			require.NotEmpty(t, grant.Access.ID)
			require.NotEmpty(t, grant.Access.UserID)
			require.False(t, grant.Access.ExpireTime.IsZero())
		}
	})
}
