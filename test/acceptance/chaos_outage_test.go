//go:build unix

package acceptance

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	double "vault-plugin-secrets-processmaker/client/processmakertest"
)

// outage is a way of being away.
type outage struct {
	lasts time.Duration
	// begins it, and tells how it ends.
	begin func(c *chaos) (end func())
	// counts: what unaccounted comes to is compared with the truth.
	counts bool
}

// outages are the ways of being away.
var outages = map[string]outage{
	"refused": {lasts: usualOutage, begin: func(c *chaos) func() {
		c.pm.GoOffline()
		return func() { require.NoError(c.t, c.pm.GoOnline()) }
	}},
	// It takes everything and does it when it is back, while nobody waits.
	"silent": {lasts: usualOutage, begin: func(c *chaos) func() {
		release := make(chan struct{})
		remove := c.pm.Inject(double.Fault{On: double.Any, Times: -1, Do: double.Hold(release)})
		return func() {
			remove()
			close(release)
		}
	}},
	// All of it is carried out in the order of its arrival, and nothing else in between.
	"workers frozen": {lasts: 20 * time.Second, counts: true, begin: func(c *chaos) func() {
		return c.pm.Freeze(double.Any).Thaw
	}},
	"database away": {lasts: usualOutage, counts: true, begin: func(c *chaos) func() {
		return c.pm.Inject(double.Fault{On: double.Any, Times: -1, Do: double.DatabaseAway()})
	}},
}

// ProcessMaker is away while leases end and readers go on asking.
func chaosOfOutages(t *testing.T, plan chaosPlan) {
	server := ownServer(t)
	names := slices.Sorted(maps.Keys(outages))
	inParallel(len(names), func(i int) {
		t.Run(names[i], func(t *testing.T) {
			c := newChaos(t, plan, onServer(server))
			random := c.random("outage")
			c.under(killWorkers, killPace*4, func() {
				pauseBetween(random, 3*time.Second)
				away := outages[names[i]]
				end := away.begin(c)
				time.Sleep(away.lasts)
				alive := len(c.livePersonalTokens())
				assert.NotZero(t, alive, "nothing has waited for the end of the outage")
				t.Logf("%d personal access tokens alive when ProcessMaker came back after %s", alive, away.lasts)
				end()
				pauseBetween(random, 3*time.Second)
			})
			c.requireNothingLost()
			if outages[names[i]].counts {
				c.requireTrueCount()
			}
			c.requireEnd()
		})
	})
}

// requireTrueCount requires that unaccounted says how many tokens nobody knows: with no lease and no
// record left these are all that live but for sessions.
func (c *chaos) requireTrueCount() {
	c.t.Helper()
	stored := c.storedBooks().ids
	unknown := 0
	for _, token := range c.pm.LiveTokens() {
		if stored[token.ID] == "" {
			unknown++
		}
	}
	counted := c.counted()
	c.t.Logf("unaccounted is %d, and %d live", counted, unknown)
	assert.GreaterOrEqual(c.t, counted, int64(unknown))
	assert.LessOrEqual(c.t, counted, int64(2*unknown+10))
}
