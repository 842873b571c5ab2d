package processmakertest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

// start is in a year without a 29 February ahead, on a fraction of a second, as
// real times are.
var start = time.Date(2026, 11, 20, 12, 0, 0, 151061000, time.UTC)

// stage is a server under test with a client of its own.
type stage struct {
	*testing.T
	server *processmakertest.Server
	clock  *clocktest.Clock
	client *http.Client
}

// newStage starts a server; adjust may be nil.
func newStage(t *testing.T, adjust func(*processmakertest.Config)) *stage {
	t.Helper()
	clock := clocktest.New(start)
	config := processmakertest.Config{Clock: clock.Now, Seed: t.Name()}
	if adjust != nil {
		adjust(&config)
	}
	server, err := processmakertest.Start(config)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	return &stage{T: t, server: server, clock: clock, client: newHTTPClient(t, nil)}
}

// newHTTPClient gives a client with connections of its own that follows no
// redirects and adds no headers that matter.
func newHTTPClient(t *testing.T, transport *http.Transport) *http.Client {
	if transport == nil {
		transport = &http.Transport{DisableCompression: true}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reply is a response with its body read to the end.
type reply struct {
	status int
	header http.Header
	body   string
}

// field gives a string of a JSON object, or "".
func (r reply) field(name string) string {
	var object map[string]any
	if json.Unmarshal([]byte(r.body), &object) != nil {
		return ""
	}
	text, _ := object[name].(string)
	return text
}

// try sends a request and gives the error of a connection that did not hold.
func (s *stage) try(method, path, body string, headers ...string) (reply, error) {
	request, err := http.NewRequest(method, s.server.URL()+path, strings.NewReader(body))
	require.NoError(s, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
			continue
		}
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := s.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(content)}, err
}

func (s *stage) send(method, path, body string, headers ...string) reply {
	s.Helper()
	r, err := s.try(method, path, body, headers...)
	require.NoError(s, err)
	return r
}

// fields are the parameters of a token call.
type fields map[string]any

// grantBody is the JSON of a token call with client 3, unless the fields say otherwise.
func (s *stage) grantBody(f fields) string {
	if _, ok := f["client_id"]; !ok {
		f["client_id"] = "3"
	}
	if _, ok := f["client_secret"]; !ok {
		id, _ := strconv.ParseInt(f["client_id"].(string), 10, 64)
		f["client_secret"] = s.secret(id)
	}
	body, err := json.Marshal(f)
	require.NoError(s, err)
	return string(body)
}

func (s *stage) grant(f fields) reply {
	s.Helper()
	return s.send("POST", "/oauth/token", s.grantBody(f), "Content-Type", "application/json", "Accept", "application/json")
}

func (s *stage) tryGrant(f fields) (reply, error) {
	return s.try("POST", "/oauth/token", s.grantBody(f), "Content-Type", "application/json", "Accept", "application/json")
}

// pair is what a grant hands out.
type pair struct{ access, refresh, jti string }

func (s *stage) pairOf(r reply) pair {
	s.Helper()
	require.Equal(s, http.StatusOK, r.status, r.body)
	access := r.field("access_token") + r.field("accessToken")
	_, claims := decodeJWT(s.T, access)
	return pair{access: access, refresh: r.field("refresh_token"), jti: claims["jti"].(string)}
}

func (s *stage) passwordFields(username string) fields {
	return fields{"grant_type": "password", "username": username, "password": s.server.User(username).Password}
}

func refreshFields(token string) fields {
	return fields{"grant_type": "refresh_token", "refresh_token": token}
}

func (s *stage) login(username string) pair {
	s.Helper()
	return s.pairOf(s.grant(s.passwordFields(username)))
}

func (s *stage) refresh(token string) pair {
	s.Helper()
	return s.pairOf(s.grant(refreshFields(token)))
}

// api calls the API with a bearer token.
func (s *stage) api(method, path, token, body string) reply {
	s.Helper()
	return s.send(method, "/api/1.0/"+path, body,
		"Accept", "application/json", "Authorization", "Bearer "+token, "Content-Type", "application/json")
}

// personal makes a personal access token.
func (s *stage) personal(caller pair, user, name string) pair {
	s.Helper()
	body, err := json.Marshal(map[string]string{"name": name})
	require.NoError(s, err)
	return s.pairOf(s.api("POST", "users/"+user+"/tokens", caller.access, string(body)))
}

func (s *stage) secret(client int64) string { return s.server.Client(client).Secret }

func basic(id, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte(id + ":" + secret))
}

// decodeJWT gives header and claims, with numbers as they are written.
func decodeJWT(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3, "a JWT has three parts")
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err)
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(into))
	}
	return header, claims
}
