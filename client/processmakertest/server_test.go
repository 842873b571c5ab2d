package processmakertest_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// trustingClient trusts the server's own authority and nothing else.
func (s *stage) trustingClient() *http.Client {
	roots := x509.NewCertPool()
	require.True(s, roots.AppendCertsFromPEM([]byte(s.server.CACertPEM())))
	return newHTTPClient(s.T, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}})
}

func TestTLSNeedsTheOwnAuthority(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *processmakertest.Config) { c.TLS = true })
	_, err := s.tryGrant(s.passwordFields("admin"))
	require.Error(t, err)
	s.client = s.trustingClient()
	s.login("admin")
	assert.True(t, strings.HasPrefix(s.server.URL(), "https://127.0.0.1:"))

	plain := newStage(t, nil)
	assert.Empty(t, plain.server.CACertPEM())
}

func TestOfflineAndOnlineAtTheSameAddress(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	url := s.server.URL()
	token := s.login("admin")
	s.server.GoOffline()
	s.server.GoOffline()
	s.client = newHTTPClient(t, nil)
	_, err := s.tryGrant(s.passwordFields("admin"))
	require.ErrorContains(t, err, "refused")
	require.NoError(t, s.server.GoOnline())
	require.NoError(t, s.server.GoOnline())
	assert.Equal(t, url, s.server.URL())
	assert.Equal(t, http.StatusOK, s.api("GET", "users/1", token.access, "").status)
}

func TestGoingOfflineCutsWhatIsInside(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	release := make(chan struct{})
	s.server.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.HoldAnswer(release)})
	failed := make(chan error, 1)
	go func() {
		_, err := s.tryGrant(s.passwordFields("admin"))
		failed <- err
	}()
	until(func() bool { return len(s.server.LiveTokens()) == 1 })
	s.server.GoOffline()
	require.Error(t, <-failed)
	close(release)
	until(func() bool { return s.lastExchange().Finished })
	assert.Len(t, s.server.UnreadTokens(), 1)
}

func TestClosingConnectionsKeepsListening(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	conn := s.dial()
	s.writeLogin(conn)
	readAnswer(t, conn)
	s.server.CloseConnections()
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	s.client = newHTTPClient(t, nil)
	s.login("admin")
}

func TestAClosedServerStaysClosed(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.server.Close()
	s.server.Close()
	require.Error(t, s.server.GoOnline())
	_, err := s.tryGrant(s.passwordFields("admin"))
	require.Error(t, err)
}

func TestStartRefusesWhatItCannotBe(t *testing.T) {
	t.Parallel()
	for _, config := range []processmakertest.Config{
		{Release: "newest"}, {Release: "4.-1"}, {Release: "4.1.2.3"}, {Address: "127.0.0.1:99999"},
	} {
		_, err := processmakertest.Start(config)
		assert.Error(t, err, "%+v", config)
	}
	server, err := processmakertest.Start(processmakertest.Config{Release: "4.15.6+beta-3", GrantDelay: time.Nanosecond})
	require.NoError(t, err)
	server.Close()
}

func TestTheDataSetOfTheStart(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	names := []string{}
	for i, user := range s.server.Users() {
		assert.Equal(t, int64(i+1), user.ID)
		assert.Equal(t, user, s.server.User(strings.ToUpper(user.Username)))
		names = append(names, user.Username)
	}
	assert.Equal(t, []string{"admin", "alice", "inactive", "blocked", "pastexpiry", "forcechange", "deleted"}, names)
	assert.Len(t, s.server.Clients(), 6)
	for _, client := range s.server.Clients() {
		assert.Regexp(t, "^[A-Za-z0-9]{40}$", client.Secret)
	}
	assert.Zero(t, s.server.User("nobody"))
	assert.Zero(t, s.server.Client(99))
}

func TestAddingUsersAndClients(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	bob := s.server.AddUser(processmakertest.User{Username: "bob", Permissions: []string{"view-users"}})
	assert.Equal(t, int64(8), bob.ID)
	assert.Equal(t, "bob@example.com", bob.Email)
	assert.Equal(t, http.StatusOK, s.api("GET", "users", s.login("bob").access, "").status)
	bob.Permissions[0] = "none"
	assert.Equal(t, []string{"view-users"}, s.server.User("bob").Permissions)
	assert.Equal(t, int64(8), s.server.AddUser(processmakertest.User{Username: "Bob"}).ID)

	client := s.server.AddClient(processmakertest.Client{Name: "own", Password: true})
	assert.Equal(t, int64(7), client.ID)
	f := s.passwordFields("admin")
	f["client_id"] = "7"
	s.pairOf(s.grant(f))
	s.server.SetClientSecret(7, "changed")
	assert.Equal(t, "invalid_client", s.grant(f).field("error"))
	// Names that nobody has are no reason to fail.
	s.server.SetStatus("nobody", "ACTIVE")
	s.server.RevokeClient(99)
	s.server.RevokeTokenByID("none")
	s.server.ExpireToken("none")
}

func TestTheControlPaths(t *testing.T) {
	t.Parallel()
	closed := newStage(t, nil)
	assert.Equal(t, http.StatusFound, closed.send("GET", "/_test/live", "").status, "the product sends unknown paths to its login")

	s := newStage(t, func(c *processmakertest.Config) { c.Control = true })
	token := s.login("admin")
	var tokens []processmakertest.Token
	require.NoError(t, json.Unmarshal([]byte(s.send("GET", "/_test/live", "").body), &tokens))
	require.Len(t, tokens, 1)
	assert.Equal(t, token.jti, tokens[0].ID)
	var exchanges []processmakertest.Exchange
	require.NoError(t, json.Unmarshal([]byte(s.send("GET", "/_test/exchanges", "").body), &exchanges))
	require.Len(t, exchanges, 1, "questions are not in the log")
	assert.Equal(t, s.server.Exchanges()[0].TokenID, exchanges[0].TokenID)
	assert.JSONEq(t, "[]", s.send("GET", "/_test/unread", "").body)
}
