//go:build unix

package acceptance

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// counted is what status counts as unaccounted.
func (m *mount) counted() int64 {
	m.t.Helper()
	return asNumber(m.t, m.get("status")["unaccounted"])
}

// What only the ledger knows is ended past a connection that breaks while the mount is disabled.
func TestABrokenConnectionDoesNotSaveTheTokensOfADisabledMount(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	for range 12 {
		m.read("ci")
	}
	m.pm.GoOffline()
	require.NoError(t, m.client.Sys().RevokeForce(m.at("creds/ci")))
	require.NoError(t, m.pm.GoOnline())
	require.Len(t, m.pm.LiveTokens(), 12)
	require.NotEqual(t, "closed", m.get("status")["breaker"])
	m.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.Refuse()})
	require.NoError(t, m.client.Sys().Unmount(m.path))
	m.path = ""
	assert.Empty(t, m.pm.LiveTokens())
}

// The token of a reader who goes away is known until it is dead, also where its end fails at first.
func TestAReaderWhoGoesAwayLeavesNothingUnknown(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	for _, end := range []processmakertest.Effect{processmakertest.GatewayPage(http.StatusInternalServerError), processmakertest.Refuse()} {
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan struct{})
		m.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.HoldAnswer(gone), Match: func(*http.Request) bool {
			cancel()
			time.AfterFunc(100*time.Millisecond, func() { close(gone) }) // Vault's word travels to the plugin
			return true
		}})
		m.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: end})
		_, err := m.client.Logical().ReadWithContext(ctx, m.at("creds/ci"))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "was ended")
	}
	require.Empty(t, m.unaccounted())
	eventually(t, "every token is dead", func() bool {
		m.tidy()
		return len(m.pm.LiveTokens()) == 0
	})
	assert.Zero(t, m.counted())
}

// The holder of a leaked token makes more under its name.
func TestEveryTokenOfALeakedNameEnds(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	leaked := m.read("ci")
	name := m.livePersonalTokens()[0].Name
	for range 2 {
		m.makeToken(leaked.Token, name)
	}
	require.Len(t, m.livePersonalTokens(), 3)
	m.write("credentials/"+leaked.CredentialID+"/revoke", nil)
	assert.Empty(t, m.livePersonalTokens())
}

// ProcessMaker works on after its caller has gone.
func TestARefreshThatIsCarriedOutLate(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeConfig(fields{"request_timeout": "1s"})
	c := m.read("ci")
	frozen := m.pm.Freeze(processmakertest.RefreshGrant)
	kept := m.renew(c, 7200)
	assert.Equal(t, c.Token, kept.Token)
	assert.NotEmpty(t, kept.Warnings)
	assert.Zero(t, m.counted())
	frozen.Thaw()
	require.False(t, m.accepts(c.Token), "it was carried out")
	// Also a renewal that does not lengthen the lease finds out.
	eventually(t, "the breaker lets requests through", func() bool { return m.get("status")["breaker"] == "closed" })
	assert.True(t, m.accepts(m.renew(kept, 1).Token), "a renewal answered with a dead token")
	assert.EqualValues(t, 1, m.counted())
	assert.Len(t, m.pm.LiveTokens(), 2)
	m.leftovers = true
}

// PHP is stopped for eight seconds, and nginx answers for it at once.
func TestAStoppedServerCountsLittle(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.writeConfig(fields{"token_requests_per_minute": 0})
	c := m.read("ci")
	remove := m.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: -1, Do: processmakertest.BadGateway()})
	kept := m.renew(c, 7200)
	assert.Equal(t, c.Token, kept.Token, "renewals keep the token")
	assert.LessOrEqual(t, kept.LeaseDuration, 120)
	assert.NotEmpty(t, kept.Warnings)
	var readers sync.WaitGroup
	stopped := make(chan struct{})
	time.AfterFunc(8*time.Second, func() { close(stopped) })
	for range 8 {
		readers.Go(func() {
			for {
				select {
				case <-stopped:
					return
				case <-time.After(20 * time.Millisecond):
					_, err := m.tryRead("ci")
					assert.Error(t, err)
				}
			}
		})
	}
	readers.Wait()
	assert.LessOrEqual(t, m.counted(), int64(16))
	assert.Equal(t, "open", m.get("status")["breaker"])
	remove()
	eventually(t, "reads work", func() bool { _, err := m.tryRead("ci"); return err == nil })
	assert.True(t, m.accepts(c.Token))
}

// A token that was made unseen, and whose role is gone, has a reason and a way out.
func TestALostTokenOfADeletedRoleHasAWayOut(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	m.pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.LoseAnswer()})
	_, err := m.tryRead("ci")
	require.Error(t, err)
	require.Len(t, m.livePersonalTokens(), 1)
	m.delete("roles/ci")
	id := m.livePersonalTokens()[0].Name
	id = id[strings.LastIndex(id, ":")+1:]
	revoke := "credentials/" + id + "/revoke"
	err = m.tryWrite(revoke, nil)
	require.ErrorContains(t, err, "may still live")
	require.ErrorContains(t, err, "is deleted")
	require.ErrorContains(t, err, "/revoke force=true")
	require.Len(t, m.livePersonalTokens(), 1)
	answer := m.write(revoke, fields{"force": true})
	assert.Contains(t, fmt.Sprint(answer.Warnings), "was not ended")
	assert.EqualValues(t, 1, m.counted())
	eventually(t, "nothing is overdue", func() bool { _, _, remaining := m.tidy(); return remaining == 0 })
	m.leftovers = true
}

// makeToken makes a personal access token of alice with a token of hers, as its holder can.
func (m *mount) makeToken(bearer, name string) {
	m.t.Helper()
	address := fmt.Sprintf("%s/api/1.0/users/%d/tokens", m.pm.URL(), m.pm.User("alice").ID)
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(fmt.Sprintf(`{"name":%q}`, name)))
	require.NoError(m.t, err)
	request.Header.Set("Authorization", "Bearer "+bearer)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := m.caller().Do(request)
	require.NoError(m.t, err)
	defer response.Body.Close()
	require.Equal(m.t, http.StatusOK, response.StatusCode)
}
