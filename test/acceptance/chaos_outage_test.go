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

// outages are the ways of being away, and how each ends.
var outages = map[string]func(c *chaos) (end func()){
	"refused": func(c *chaos) func() {
		c.pm.GoOffline()
		return func() { require.NoError(c.t, c.pm.GoOnline()) }
	},
	// It takes everything and does it when it is back, while nobody waits.
	"silent": func(c *chaos) func() {
		release := make(chan struct{})
		remove := c.pm.Inject(double.Fault{On: double.Any, Times: -1, Do: double.Hold(release)})
		return func() {
			remove()
			close(release)
		}
	},
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
				end := outages[names[i]](c)
				time.Sleep(outage)
				alive := len(c.livePersonalTokens())
				assert.NotZero(t, alive, "nothing has waited for the end of the outage")
				t.Logf("%d personal access tokens alive when ProcessMaker came back after %s", alive, outage)
				end()
				pauseBetween(random, 3*time.Second)
			})
			c.requireNothingLost()
			c.requireEnd()
		})
	})
}
