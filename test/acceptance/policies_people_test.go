//go:build unix

package acceptance

import (
	"bytes"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two people, each with a role named as they are.
func (p *policyPage) testSigner(t *testing.T) {
	carol, dave := p.person("carol", p.policy("signer"), nil), p.person("dave", p.policy("signer"), nil)
	for _, name := range []string{"processmaker-carol", "processmaker-dave"} {
		p.write("roles/"+name, p.peopleRole())
	}
	carol.signIn("processmaker-carol", "alice")
	assert.Equal(t, "alice", carol.get("sessions/processmaker-carol")["username"])

	for _, path := range []string{"sessions/processmaker-carol", "sessions/ci", "sessions/*", "sessions/+"} {
		dave.mayNot(
			attempt{http.MethodGet, path, nil}, attempt{http.MethodPost, path, fields{"code": "x", "state": "y"}}, attempt{http.MethodDelete, path, nil},
		)
	}
	dave.mayNot(attempt{http.MethodPost, "authorize/processmaker-carol", nil}, attempt{http.MethodPost, "authorize/ci", nil}, attempt{"LIST", "sessions", nil})
	dave.mayNot(attempt{http.MethodGet, "creds/processmaker-dave", nil})
	dave.mayNot(tokenReads()...)
	dave.mayNot(configUse()...)
	dave.mayNot(roleUse()...)

	// A sign-in that somebody else began does not become one's own.
	address, state := carol.begin("processmaker-carol")
	code := carol.approve(address, "alice").Get("code")
	requireStatus(t, dave.complete("processmaker-dave", code, state), http.StatusBadRequest, "state")
	carol.may(attempt{http.MethodDelete, "sessions/processmaker-carol", nil})
	for _, name := range []string{"processmaker-carol", "processmaker-dave"} {
		p.delete("roles/" + name)
	}
}

// eavesdropper is a proxy that ends the TLS of whoever trusts its certificate,
// and passes everything on to the true ProcessMaker.
type eavesdropper struct {
	proxy, ear *httptest.Server

	mu    sync.Mutex
	heard strings.Builder
}

func newEavesdropper(t *testing.T, m *mount) *eavesdropper {
	t.Helper()
	e := &eavesdropper{}
	onwards := m.caller()
	e.ear = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		e.heard.Write(body)
		e.mu.Unlock()
		onward, err := http.NewRequestWithContext(r.Context(), r.Method, m.pm.URL()+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			return
		}
		onward.Header = r.Header.Clone()
		answer, err := onwards.Do(onward)
		if err != nil {
			return
		}
		defer answer.Body.Close()
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	}))
	t.Cleanup(e.ear.Close)
	e.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		far, err := net.Dial("tcp", e.ear.Listener.Addr().String())
		if err != nil {
			return
		}
		splice(w, far)
	}))
	t.Cleanup(e.proxy.Close)
	return e
}

func (e *eavesdropper) hears(secret string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Contains(e.heard.String(), url.QueryEscape(secret))
}

// Who may do nothing but write the config, and knows no secret, gets a role's
// password and client secret: the page says so, and this is how.
func (p *policyPage) testConfigWriter(t *testing.T) {
	own := p.pm.Client(passwordClient)
	p.write("roles/lone", fields{"client_id": clientID(own), "client_secret": own.Secret})
	writer := p.withPolicy(p.policy("config-writer"))
	writer.mayNot(tokenReads()...)
	writer.mayNot(roleUse()...)
	writer.mayNot(sessionUse()...)

	e := newEavesdropper(t, p.mount)
	theirs := fields{
		"proxy_url": e.proxy.URL,
		"ca_cert":   string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.ear.Certificate().Raw})),
	}
	requireStatus(t, writer.tryWrite("config", theirs), http.StatusBadRequest, "client_secret")
	writer.may(attempt{http.MethodDelete, "config", nil}, attempt{http.MethodPost, "config", merge(theirs, fields{"url": p.pm.URL()})})
	_, err := p.tryRead("lone")
	require.NoError(t, err)
	assert.True(t, e.hears(p.pm.User("alice").Password), "the password of a role")
	assert.True(t, e.hears(own.Secret), "the client secret of a role")
	p.writeConfig(fields{"proxy_url": ""})
}
