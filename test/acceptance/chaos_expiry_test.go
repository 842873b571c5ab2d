//go:build unix

package acceptance

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	double "vault-plugin-secrets-processmaker/client/processmakertest"
)

// backgroundLane is the half of max_concurrent_requests that revocations may
// take.
const backgroundLane = 8

// Leases that all end in the same moment, while readers go on reading.
func chaosOfExpiry(t *testing.T, plan chaosPlan) {
	m := newPersonalMount(t, onServer(ownServer(t)))
	m.client.SetClientTimeout(loadPatience)
	m.writeRole("ci", fields{"ttl": "1h", "max_ttl": "1h"})
	m.writeRole("busy", personal)

	// Several times what a machine of two cores takes; twice as much where that
	// was not enough.
	window := 40*time.Second + time.Duration(plan.expiring)*10*time.Millisecond
	moment, err := m.issueTogether(plan.expiring, window)
	for errors.Is(err, errTooLate) && window < 20*time.Minute {
		window *= 2
		t.Logf("too slow for %s, once more with %s", window/2, window)
		require.NoError(t, m.client.Sys().RevokePrefix(m.at("creds/ci")))
		m.requireNoneAlive()
		moment, err = m.issueTogether(plan.expiring, window)
	}
	require.NoError(t, err)
	live := len(m.livePersonalTokens())
	require.Equal(t, plan.expiring, live)

	time.Sleep(time.Until(moment.Add(-time.Second)))
	m.pm.ResetLog()
	reads, slowest, busy := 0, time.Duration(0), 0
	deadline := time.Now().Add(chaosPatience)
	for live > 0 && time.Now().Before(deadline) {
		asked := time.Now()
		secret, err := m.tryRead("busy")
		require.NoError(t, err, "a reader is starved")
		slowest = max(slowest, time.Since(asked))
		reads++
		if live > 1 && live < plan.expiring {
			busy++
		}
		require.NoError(t, m.tryRevoke(credential{Secret: secret}))
		if live = len(m.livePersonalTokens()); reads%50 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	took := time.Since(moment)
	require.Zero(t, live, "tokens that outlived their leases")
	peak := m.pm.PeakInFlight(double.DeleteToken, double.ShowToken)
	t.Logf("all dead %s after their end; most revocations in flight %d; meanwhile %d reads, %d of them beside revocations, the slowest in %s; irrevocable %d",
		took.Round(time.Millisecond), peak, reads, busy, slowest.Round(time.Millisecond), m.irrevocable())
	assert.LessOrEqual(t, peak, backgroundLane)
	assert.NotZero(t, busy, "no read beside the revocations")
	assert.Zero(t, m.irrevocable())
	m.requireNoneAlive()
	m.soon("no lease is left", func() error {
		listed, err := m.client.Logical().List("sys/leases/lookup/" + m.at("creds/ci"))
		if err == nil && listed != nil {
			err = errors.New("there are some")
		}
		return err
	})
}

// requireNoneAlive waits until every personal access token is dead.
func (m *mount) requireNoneAlive() {
	m.t.Helper()
	m.soon("every personal access token is dead", func() error {
		if live := len(m.livePersonalTokens()); live > 0 {
			return fmt.Errorf("%d are alive", live)
		}
		return nil
	})
}

var errTooLate = errors.New("the leases end before all are there")

// issueTogether reads so many leases that all end in the same moment, which is
// that long from now.
func (m *mount) issueTogether(count int, window time.Duration) (moment time.Time, err error) {
	begin := time.Now()
	moment = begin.Add(window)
	var readers errgroup.Group
	readers.SetLimit(16)
	for range count {
		readers.Go(func() error {
			left := time.Until(moment).Round(time.Second)
			if left < 10*time.Second {
				return errTooLate
			}
			_, err := m.tryRead("ci", "ttl", left.String())
			return err
		})
	}
	if err = readers.Wait(); err == nil && time.Until(moment) < 5*time.Second {
		err = errTooLate
	}
	if err == nil {
		m.t.Logf("%d leases in %s", count, time.Since(begin).Round(time.Millisecond))
	}
	return moment, err
}
