package upgrade

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// freshToken is a token made at ProcessMaker, not by the engine.
type freshToken struct{ id, access, refresh string }

// freshToken makes a token by the grant that its auth client has.
func newFreshToken(h *mounttest.Mount, like keptToken) freshToken {
	h.T.Helper()
	if like.Name != "" {
		return freshPersonalToken(h, like)
	}
	c := h.Pm.Client(like.ClientID)
	form := url.Values{"client_id": {fmt.Sprint(c.ID)}, "client_secret": {c.Secret}}
	if c.AuthorizationCode {
		form.Set("grant_type", "authorization_code")
		form.Set("redirect_uri", c.Redirect)
		form.Set("code", h.Pm.AuthorizationCode(processmakertest.Approval{ClientID: c.ID, Username: like.Username, RedirectURI: c.Redirect}))
	} else {
		form.Set("grant_type", "password")
		form.Set("username", like.Username)
		form.Set("password", upgradePass)
	}
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	call(h, http.MethodPost, "/oauth/token", "", "application/x-www-form-urlencoded", form.Encode(), &got)
	return freshToken{id: tokenID(h.T, got.Access), access: got.Access, refresh: got.Refresh}
}

func freshPersonalToken(h *mounttest.Mount, like keptToken) freshToken {
	h.T.Helper()
	maker := newFreshToken(h, keptToken{Username: "admin", ClientID: 3})
	defer h.Pm.RevokeTokenByID(maker.id)
	var made struct {
		Access string `json:"accessToken"`
	}
	path := fmt.Sprintf("/api/1.0/users/%d/tokens", h.Pm.User(like.Username).ID)
	call(h, http.MethodPost, path, maker.access, "application/json", mounttest.AsText(h.T, map[string]any{"name": like.Name, "scopes": []string{}}), &made)
	return freshToken{id: tokenID(h.T, made.Access), access: made.Access}
}

func call(h *mounttest.Mount, method, path, bearer, contentType, body string, answer any) {
	h.T.Helper()
	request, err := http.NewRequest(method, h.Pm.URL()+path, bytes.NewBufferString(body))
	require.NoError(h.T, err)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept", "application/json")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(h.T, err)
	defer response.Body.Close()
	require.Equal(h.T, http.StatusOK, response.StatusCode, path)
	require.NoError(h.T, json.NewDecoder(response.Body).Decode(answer))
}

func tokenID(t *testing.T, access string) string {
	t.Helper()
	parts := strings.Split(access, ".")
	require.Len(t, parts, 3)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims struct {
		ID string `json:"jti"`
	}
	require.NoError(t, json.Unmarshal(text, &claims))
	return claims.ID
}
