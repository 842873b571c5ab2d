package main

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	vaultToken  = "the-vault-token"
	theState    = "the-state"
	theCode     = "the-code"
	theLocation = "http://127.0.0.1:8250/oauth/callback"
)

// fakeVault answers as the secrets engine does at the mount "pm", and keeps
// what it was sent.
type fakeVault struct {
	*testing.T
	server           *httptest.Server
	authorizationURL string
	redirectURI      string
	// refuse makes writes of the session fail with it.
	refuse string

	mu       sync.Mutex
	requests []*http.Request
	session  map[string]string
}

func newFakeVault(t *testing.T) *fakeVault {
	f := &fakeVault{T: t, authorizationURL: "https://pm.example/oauth/authorize?state=" + theState, redirectURI: theLocation}
	f.server = httptest.NewTLSServer(f)
	t.Cleanup(f.server.Close)
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.server.Certificate().Raw})
	require.NoError(t, os.WriteFile(caFile, ca, 0o600))
	// Nothing of the caller's own Vault may get in the way.
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "VAULT_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range map[string]string{
		"VAULT_ADDR": f.server.URL, "VAULT_CACERT": caFile, "VAULT_TOKEN": vaultToken, "VAULT_NAMESPACE": "team", "HOME": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	return f
}

func (f *fakeVault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
	switch r.URL.Path {
	case "/v1/pm/authorize/reports":
		f.answer(w, http.StatusOK, map[string]any{"data": map[string]string{
			"authorization_url": f.authorizationURL, "state": theState, "redirect_uri": f.redirectURI,
		}})
	case "/v1/pm/sessions/reports":
		assert.NoError(f, json.NewDecoder(r.Body).Decode(&f.session))
		if f.refuse != "" {
			f.answer(w, http.StatusServiceUnavailable, map[string]any{"errors": []string{f.refuse}})
			return
		}
		f.answer(w, http.StatusOK, map[string]any{"data": map[string]any{"username": "alice", "user_id": 2}})
	case "/v1/kv/authorize/reports":
		w.WriteHeader(http.StatusNoContent)
	default:
		f.answer(w, http.StatusForbidden, map[string]any{"errors": []string{"permission denied"}})
	}
}

func (f *fakeVault) answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	assert.NoError(f, json.NewEncoder(w).Encode(body))
}

// sent gives the requests so far.
func (f *fakeVault) sent() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

func TestVaultIsCalledWithThePersonsOwnToken(t *testing.T) {
	f := newFakeVault(t)
	v, err := connect("/pm/", "reports")
	require.NoError(t, err)
	begun, err := v.begin(t.Context())
	require.NoError(t, err)
	assert.Equal(t, attempt{mount: "pm", role: "reports", authorizationURL: f.authorizationURL, state: theState, redirectURI: theLocation}, begun)
	who, err := v.complete(t.Context(), begun, theCode)
	require.NoError(t, err)
	assert.Equal(t, person{"alice", "2"}, who)
	assert.Equal(t, map[string]string{"code": theCode, "state": theState}, f.session)
	for _, request := range f.sent() {
		assert.Equal(t, vaultToken, request.Header.Get("X-Vault-Token"))
		assert.Equal(t, "team", request.Header.Get("X-Vault-Namespace"))
	}
}

func TestTheTokenOfVaultLogin(t *testing.T) {
	f := newFakeVault(t)
	t.Setenv("VAULT_TOKEN", "")
	_, err := connect("pm", "reports")
	require.ErrorContains(t, err, "vault login")
	stored := filepath.Join(os.Getenv("HOME"), ".vault-token")
	require.NoError(t, os.WriteFile(stored, []byte("stored\n"), 0o600))
	v, err := connect("pm", "reports")
	require.NoError(t, err)
	_, err = v.begin(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "stored", f.sent()[0].Header.Get("X-Vault-Token"))

	require.NoError(t, os.Remove(stored))
	require.NoError(t, os.Mkdir(stored, 0o700))
	_, err = connect("pm", "reports")
	require.ErrorContains(t, err, "looking for a Vault token")
	t.Setenv("HOME", "")
	_, err = connect("pm", "reports")
	require.ErrorContains(t, err, "looking for a Vault token")
	t.Setenv("VAULT_CACERT", "/nonexistent")
	_, err = connect("pm", "reports")
	require.ErrorContains(t, err, "environment")
}

func TestWhatVaultRefuses(t *testing.T) {
	f := newFakeVault(t)
	for mount, trouble := range map[string]string{"elsewhere": "permission denied", "kv": "check that -mount"} {
		v, err := connect(mount, "reports")
		require.NoError(t, err)
		_, err = v.begin(t.Context())
		require.ErrorContains(t, err, trouble)
	}
	before := len(f.sent())
	f.refuse = "ProcessMaker cannot be reached"
	v, err := connect("pm", "reports")
	require.NoError(t, err)
	_, err = v.complete(t.Context(), attempt{state: theState}, theCode)
	require.EqualError(t, err, "refused by Vault at pm/sessions/reports (status 503): ProcessMaker cannot be reached")
	assert.Len(t, f.sent(), before+1, "a code is not tried twice")
	f.server.Close()
	_, err = v.complete(t.Context(), attempt{state: theState}, theCode)
	require.ErrorContains(t, err, "calling Vault")
	require.NotContains(t, err.Error(), theCode)
}
