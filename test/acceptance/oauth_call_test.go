//go:build unix

package acceptance

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// pair is what ProcessMaker's token endpoint gives.
type pair struct {
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

// caller is a client of ProcessMaker that knows nothing of Vault.
func (m *mount) caller() *http.Client {
	m.t.Helper()
	transport := &http.Transport{}
	if ca := m.pm.CACertPEM(); ca != "" {
		pool := x509.NewCertPool()
		require.True(m.t, pool.AppendCertsFromPEM([]byte(ca)))
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	m.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// requestForm is a way to write a call of the token endpoint.
type requestForm struct {
	name  string
	json  bool // else as a form
	basic bool // client id and secret in the header, else in the body
}

var requestForms = []requestForm{
	{name: "JSON, secret in the body", json: true},
	{name: "form, secret in the body"},
	{name: "JSON, secret as Basic", json: true, basic: true},
	{name: "form, secret as Basic", basic: true},
}

// contentType is what the request says its body is.
func (f requestForm) contentType() string {
	if f.json {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// call makes one call of the token endpoint.
func (f requestForm) call(m *mount, client processmakertest.Client, parameters map[string]string) (status int, got pair) {
	m.t.Helper()
	body := map[string]string{}
	for name, value := range parameters {
		body[name] = value
	}
	id := clientID(client)
	if !f.basic {
		body["client_id"], body["client_secret"] = id, client.Secret
	}
	request, err := http.NewRequest(http.MethodPost, m.pm.URL()+"/oauth/token", f.encode(m, body))
	require.NoError(m.t, err)
	request.Header.Set("Content-Type", f.contentType())
	request.Header.Set("Accept", "application/json")
	if f.basic {
		request.SetBasicAuth(id, client.Secret)
	}
	response, err := m.caller().Do(request)
	require.NoError(m.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(m.t, err)
	require.NoError(m.t, json.Unmarshal(text, &got))
	return response.StatusCode, got
}

func (f requestForm) encode(m *mount, body map[string]string) io.Reader {
	if f.json {
		text, err := json.Marshal(body)
		require.NoError(m.t, err)
		return bytes.NewReader(text)
	}
	values := url.Values{}
	for name, value := range body {
		values.Set(name, value)
	}
	return strings.NewReader(values.Encode())
}

// signInAs signs a user in by password as another client than the engine would.
func (f requestForm) signInAs(m *mount, username string) pair {
	m.t.Helper()
	user := m.pm.User(username)
	status, got := f.call(m, m.pm.Client(passwordClient), map[string]string{
		"grant_type": "password", "username": user.Username, "password": user.Password, "scope": "*",
	})
	require.Equal(m.t, http.StatusOK, status)
	require.NotEmpty(m.t, got.AccessToken)
	require.NotEmpty(m.t, got.RefreshToken)
	return got
}

// refresh trades a refresh token in.
func (f requestForm) refresh(m *mount, refreshToken string) (status int, got pair) {
	m.t.Helper()
	return f.call(m, m.pm.Client(passwordClient), map[string]string{"grant_type": "refresh_token", "refresh_token": refreshToken})
}
