//go:build unix

package acceptance

import (
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// What ProcessMaker allows in a minute is enough for a thousand leases, as they
// all come out of one sign-in.
func TestThousandLeasesUnderTheProductsLimit(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t, throttled(60))
	const leases = 1000
	tokens := make([]string, leases)
	begin := time.Now()
	var readers errgroup.Group
	readers.SetLimit(16)
	for i := range leases {
		readers.Go(func() error {
			secret, err := m.tryRead("ci")
			if err == nil {
				tokens[i], _ = secret.Data["access_token"].(string)
			}
			return err
		})
	}
	require.NoError(t, readers.Wait())
	t.Logf("%d leases in %s; token calls %d", leases, time.Since(begin), m.pm.Count(processmakertest.AnyToken))

	assert.LessOrEqual(t, m.pm.Count(processmakertest.AnyToken), 2)
	assert.Equal(t, map[int]int{http.StatusOK: leases}, m.statuses(processmakertest.CreateToken))
	for _, exchange := range m.pm.Exchanges() {
		require.NotEqual(t, http.StatusTooManyRequests, exchange.Status, exchange.Endpoint)
	}
	require.Len(t, unique(tokens), leases)
	for _, token := range tokens {
		require.True(t, m.accepts(token))
	}
	require.Len(t, m.livePersonalTokens(), leases)

	begin = time.Now()
	require.NoError(t, m.client.Sys().RevokeWithOptions(&api.RevokeOptions{LeaseID: m.at("creds/ci"), Prefix: true, Sync: true}))
	t.Logf("revoked in %s", time.Since(begin))
	assert.Empty(t, m.livePersonalTokens())
	for _, token := range tokens {
		require.False(t, m.accepts(token))
	}
	assert.Equal(t, map[int]int{http.StatusNoContent: leases}, m.statuses(processmakertest.DeleteToken))
	assert.LessOrEqual(t, m.pm.Count(processmakertest.AnyToken), 2, "token calls for the revocations")
	assert.LessOrEqual(t, m.pm.PeakInFlight(processmakertest.DeleteToken), 8, "revocations beyond their half of the calls at a time")
}

func TestFirstReadsAtOnceSignInOnce(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	const readers = 200
	m.readAtOnce("ci", readers)
	assert.Equal(t, 1, m.pm.Count(processmakertest.PasswordGrant))
	assert.Equal(t, 1, m.pm.Count(processmakertest.AnyToken))
	assert.Len(t, m.pm.LiveTokens(), readers+1, "the readers' tokens and the session's")
}
