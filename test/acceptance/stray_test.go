//go:build unix

package acceptance

import (
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// TestWhatFollowsAnAnswerIsNotLogged: a server that miscounts sends what holds a
// token when nobody asks any more, and Go's HTTP client writes that into the
// standard log, which is a plugin's part of the server's log.
func TestWhatFollowsAnAnswerIsNotLogged(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t, onServer(ownServer(t)))
	m.leftovers = true // of the logins whose answer could not be used
	marker := "stray" + rand.Text()
	for range 5 {
		m.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Rewrite(func(r *processmakertest.Reply) {
			r.Status, r.Body, r.Stray = http.StatusNoContent, nil, []byte(`{"access_token":"`+marker+`"}`)
		})})
		_, err := m.tryRead("ci")
		require.ErrorContains(t, err, "HTTP 204")
		// Its line comes after, on the same way into the log; and a new client
		// has no connection that is just being closed.
		m.writeConfig(fields{"verify_connection": false})
	}
	m.read("ci")
	var log []byte
	require.Eventually(t, func() bool { // the plugin's lines come to the log after its answers
		var err error
		log, err = os.ReadFile(m.server.LogPath)
		return err == nil && strings.Contains(string(log), "credential issued")
	}, 10*time.Second, 20*time.Millisecond)
	require.Contains(t, string(log), "no credential could be issued")
	require.False(t, strings.Contains(string(log), marker), "the log quotes what followed an answer")
}
