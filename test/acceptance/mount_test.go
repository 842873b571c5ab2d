//go:build unix

package acceptance

import (
	"crypto/rand"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// fields is the body of a write.
type fields = map[string]any

// passwordClient is the auth client of the double that is made for the
// password grant.
const passwordClient = 3

// mount is one mount of the engine, with a ProcessMaker of its own.
type mount struct {
	t      *testing.T
	server *Server
	client *api.Client
	path   string
	pm     *processmakertest.Server

	// leftovers is set by tests that leave tokens alive on purpose.
	leftovers bool
}

type mountOption func(*mountSettings)

type mountSettings struct {
	server *Server
	double processmakertest.Config
	wrap   func(http.RoundTripper) http.RoundTripper
	path   string
	pm     *processmakertest.Server
}

// onServer mounts on another server than the shared one.
func onServer(s *Server) mountOption { return func(m *mountSettings) { m.server = s } }

// mountedAt mounts at a path that the test chooses, as the docs do. It needs a
// server of its own.
func mountedAt(path string) mountOption { return func(m *mountSettings) { m.path = path } }

// throttled makes ProcessMaker allow that many token calls a minute.
func throttled(perMinute int) mountOption {
	return func(m *mountSettings) { m.double.TokenRequestsPerMinute = perMinute }
}

// asDocumented mounts where the pages do, for a ProcessMaker that is there.
func asDocumented(pm *processmakertest.Server) mountOption {
	return func(m *mountSettings) { m.path, m.pm = "processmaker", pm }
}

// behindPlainHTTP makes ProcessMaker speak plain HTTP, for a test that puts
// something with TLS before it.
func behindPlainHTTP(m *mountSettings) { m.double.TLS = false }

// wrapped gets between the client and the network.
func wrapped(wrap func(http.RoundTripper) http.RoundTripper) mountOption {
	return func(m *mountSettings) { m.wrap = wrap }
}

// newMount mounts the engine under a path of its own. The end of the test
// disables it, which ends every lease, and no token may be alive after that.
func newMount(t *testing.T, options ...mountOption) *mount {
	t.Helper()
	settings := mountSettings{path: "pm-" + strings.ToLower(rand.Text()[:10]), double: processmakertest.Config{TLS: true}}
	for _, option := range options {
		option(&settings)
	}
	if settings.server == nil {
		settings.server = sharedServer(t)
	}
	if settings.pm == nil {
		settings.pm = startProcessMaker(t, settings.double)
	}
	client, err := settings.server.NewClient(settings.wrap)
	require.NoError(t, err)
	m := &mount{
		t: t, server: settings.server, client: client, pm: settings.pm, path: settings.path,
	}
	require.NoError(t, client.Sys().Mount(m.path, &api.MountInput{Type: PluginName}))
	t.Cleanup(m.end)
	return m
}

// startProcessMaker starts a double that knows its own tokens only.
func startProcessMaker(t *testing.T, config processmakertest.Config) *processmakertest.Server {
	t.Helper()
	config.Seed = rand.Text()
	if config.Passport == 0 {
		passport, err := processmakertest.PassportWanted()
		require.NoError(t, err)
		config.Passport = passport
	}
	pm, err := processmakertest.Start(config)
	require.NoError(t, err)
	t.Cleanup(pm.Close)
	return pm
}

// newReadyMount is newMount with a config and a role named ci.
func newReadyMount(t *testing.T, options ...mountOption) *mount {
	t.Helper()
	m := newMount(t, options...)
	m.writeConfig(nil)
	m.pm.ResetLog() // the check of the connection is not what tests count
	m.writeRole("ci", nil)
	return m
}

func (m *mount) end() {
	if m.path == "" {
		return // disabled by the test
	}
	if !assert.NoError(m.t, m.client.Sys().Unmount(m.path), "disabling the mount") || m.leftovers {
		return
	}
	assert.Empty(m.t, m.pm.LiveTokens(), "tokens alive although the mount is disabled")
}

func (m *mount) at(path string) string { return m.path + "/" + path }

// configFields is a config that works with this mount's ProcessMaker. It is not checked: the check
// is a call of the token endpoint, which tests count.
func (m *mount) configFields(changes fields) fields {
	c := m.pm.Client(passwordClient)
	return merge(fields{
		"url":           m.pm.URL(),
		"ca_cert":       m.pm.CACertPEM(),
		"client_id":     c.ID,
		"client_secret": c.Secret,

		"verify_connection": false,
	}, changes)
}

// roleFields is a role that works with this mount's ProcessMaker.
func (m *mount) roleFields(changes fields) fields {
	alice := m.pm.User("alice")
	return merge(fields{
		"username": alice.Username,
		"password": alice.Password,
	}, changes)
}

func (m *mount) writeConfig(changes fields) *api.Secret {
	m.t.Helper()
	return m.write("config", m.configFields(changes))
}

func (m *mount) writeRole(name string, changes fields) *api.Secret {
	m.t.Helper()
	return m.write("roles/"+name, m.roleFields(changes))
}

func (m *mount) write(path string, body fields) *api.Secret {
	m.t.Helper()
	secret, err := m.client.Logical().Write(m.at(path), body)
	require.NoError(m.t, err)
	return secret
}

func (m *mount) tryWrite(path string, body fields) error {
	_, err := m.client.Logical().Write(m.at(path), body)
	return err
}

func (m *mount) patch(path string, body fields) {
	m.t.Helper()
	require.NoError(m.t, m.tryPatch(path, body))
}

func (m *mount) tryPatch(path string, body fields) error {
	_, err := m.client.Logical().JSONMergePatch(m.t.Context(), m.at(path), body)
	return err
}

// refusedChange is a change of fields that must not go through, and what the
// refusal speaks of.
type refusedChange struct {
	change fields
	says   string
}

// refusesChanges requires that none of the changes is made, in either way.
func (m *mount) refusesChanges(path string, changes map[string]refusedChange) {
	before := m.get(path)
	for name, c := range changes {
		m.t.Run(name, func(t *testing.T) {
			requireStatus(t, m.tryWrite(path, c.change), http.StatusBadRequest, c.says)
			requireStatus(t, m.tryPatch(path, c.change), http.StatusBadRequest, c.says)
			assert.Equal(t, before, m.get(path))
		})
	}
}

func (m *mount) delete(path string) *api.Secret {
	m.t.Helper()
	secret, err := m.client.Logical().Delete(m.at(path))
	require.NoError(m.t, err)
	return secret
}

// get returns the data at a path, nil if there is nothing.
func (m *mount) get(path string) fields {
	m.t.Helper()
	secret, err := m.client.Logical().Read(m.at(path))
	require.NoError(m.t, err)
	if secret == nil {
		return nil
	}
	return secret.Data
}

// merge returns base with the changes; a change to nil leaves the field out.
func merge(base, changes fields) fields {
	result := maps.Clone(base)
	for name, value := range changes {
		if value == nil {
			delete(result, name)
			continue
		}
		result[name] = value
	}
	return result
}
