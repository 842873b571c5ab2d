//go:build unix

package acceptance

import (
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// sessionKinds are roles whose session can be lost, and how each starts.
var sessionKinds = map[string]struct {
	role  func(m *mount) fields
	start func(m *mount)
	// recovers: the role signs in again by itself; else cure is what its
	// readers are told.
	recovers bool
	cure     []string
}{
	"password": {
		role:     func(m *mount) fields { return m.roleFields(personal) },
		start:    func(*mount) {},
		recovers: true,
	},
	"refresh_token": {
		role: func(*mount) fields { return importing },
		start: func(m *mount) {
			m.write("sessions/ci", fields{"refresh_token": requestForms[0].signInAs(m, "alice").RefreshToken})
		},
		cure: []string{"vault write", "sessions/ci refresh_token=-"},
	},
	"authorization_code": {
		role:  (*mount).peopleRole,
		start: func(m *mount) { m.signIn("ci", "alice") },
		cure:  []string{"vault write -f", "authorize/ci", "sessions/ci code="},
	},
}

// startedSession is a mount whose role ci has a session that ProcessMaker no
// longer accepts, so that the next read refreshes it.
func startedSession(t *testing.T, kind string, options ...mountOption) *mount {
	t.Helper()
	m := newSessionMount(t, options...)
	m.write("roles/ci", sessionKinds[kind].role(m))
	sessionKinds[kind].start(m)
	m.read("ci")
	require.Empty(t, m.unaccounted())
	m.pm.RevokeTokenByID(m.sessionToken("ci"))
	return m
}

// requireCured requires that the role works again, or says how it would.
func (m *mount) requireCured(kind string) {
	m.t.Helper()
	k := sessionKinds[kind]
	if !k.recovers {
		_, err := m.tryRead("ci")
		requireStatus(m.t, err, http.StatusBadRequest, k.cure...)
		session := m.get("sessions/ci")
		assert.Equal(m.t, "needs_sign_in", session["state"])
		assert.NotEmpty(m.t, session["last_error"])
		k.start(m)
	}
	c := m.read("ci")
	assert.True(m.t, m.accepts(c.Token))
	assert.Equal(m.t, "active", m.get("sessions/ci")["state"])
}

// requireAccounted waits for a census without strangers: a client's death is
// noticed some time after it.
func (m *mount) requireAccounted() {
	m.t.Helper()
	var strangers []processmakertest.Token
	defer func() {
		if m.t.Failed() {
			m.t.Logf("live tokens that nothing knows: %+v", strangers)
		}
	}()
	eventually(m.t, "every live token is known", func() bool {
		strangers = m.unaccounted()
		return len(strangers) == 0
	})
}

// brokenRefresh is one session whose refresh went wrong.
type brokenRefresh struct {
	kind string
	*mount
}

// requireAllCured requires that all of them work again or say how they would.
// The first reads go together: a token younger than 10 s that is refused is
// asked about again, as it may be a matter of clocks, and that takes its time.
func requireAllCured(t *testing.T, broken []brokenRefresh) {
	t.Helper()
	inParallel(len(broken), func(i int) { _, _ = broken[i].tryRead("ci") })
	for _, b := range broken {
		b.requireCured(b.kind)
		b.requireAccounted()
	}
}

// The new pairs are made and their answers on the way when the plugin dies.
func TestSessionRefreshCutByACrashOfThePlugin(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	var broken []brokenRefresh
	release := make(chan struct{})
	ended := make(chan error)
	for kind := range sessionKinds {
		m := startedSession(t, kind, onServer(server))
		// What nobody read nobody can end either.
		m.leftovers = true
		refreshes := m.pm.Count(processmakertest.RefreshGrant)
		m.pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.HoldAnswer(release)})
		go func() {
			_, err := m.tryRead("ci")
			ended <- err
		}()
		eventually(t, "the refresh is under way", func() bool {
			return m.pm.Count(processmakertest.RefreshGrant) > refreshes && len(m.pm.UnreadTokens()) > 0
		})
		broken = append(broken, brokenRefresh{kind, m})
	}
	before, err := server.PluginPIDs()
	require.NoError(t, err)
	require.Len(t, before, 1)
	require.NoError(t, syscall.Kill(before[0], syscall.SIGKILL))
	eventually(t, "Vault has started the plugin anew", func() bool {
		_, err := broken[0].client.Logical().Read(broken[0].at("config"))
		now, pidErr := server.PluginPIDs()
		return err == nil && pidErr == nil && len(now) == 1 && now[0] != before[0]
	})
	close(release)
	for range broken {
		<-ended // Vault may have repeated it, or not
	}

	requireAllCured(t, broken)
	for _, b := range broken {
		assert.Len(t, b.pm.UnreadTokens(), 1, "the refresh was not cut")
	}
}

// ProcessMaker did the refresh and its answer went astray, or it killed the old
// pair and broke before it had made a new one.
func TestSessionRefreshThatGoesWrong(t *testing.T) {
	t.Parallel()
	var broken []brokenRefresh
	for kind := range sessionKinds {
		for _, effect := range []processmakertest.Effect{processmakertest.LoseAnswer(), processmakertest.HalfRefresh()} {
			m := startedSession(t, kind)
			m.leftovers = true
			m.pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: effect})
			broken = append(broken, brokenRefresh{kind, m})
		}
	}
	requireAllCured(t, broken)
}
