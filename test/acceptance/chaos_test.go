//go:build unix

package acceptance

import (
	"crypto/rand"
	"encoding/binary"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chaosPlan is how much goes wrong.
type chaosPlan struct {
	long bool
	// seed decides what the load does and what is killed when. What comes of
	// it depends on the machine too.
	seed uint64

	pluginKills, serverKills, leaderKills int
	// faultRounds is how often each way to fail is gone through, faultsEach
	// how many kinds of requests fail so each time.
	faultRounds, faultsEach int
	// expiring is the number of leases that end in the same moment.
	expiring int
}

// usualOutage is how long ProcessMaker is away while leases end.
const usualOutage = 30 * time.Second

// planChaos reads CHAOS, which is empty or "long", and CHAOS_SEED.
func planChaos(t *testing.T) chaosPlan {
	t.Helper()
	plan := chaosPlan{pluginKills: 4, serverKills: 2, leaderKills: 1, faultRounds: 1, faultsEach: 3, expiring: 1000}
	switch word := os.Getenv("CHAOS"); word {
	case "":
	case "long":
		plan = chaosPlan{long: true, pluginKills: 50, serverKills: 10, leaderKills: 5, faultRounds: 2, faultsEach: len(exchanges), expiring: 10_000}
	default:
		t.Fatalf("CHAOS is %q; it is empty or long", word)
	}
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "CHAOS_SEED")
		plan.seed = seed
	} else {
		var bytes [8]byte
		_, _ = rand.Read(bytes[:]) // never fails
		plan.seed = binary.LittleEndian.Uint64(bytes[:])
	}
	return plan
}

// Whatever is killed or fails, and when: afterwards every token is known or
// dead, and every role works. Most of it is waiting, so it runs at the same time;
// in the long version only the leases that end together have the machine to
// themselves.
func TestChaos(t *testing.T) {
	t.Parallel()
	skipWithoutBinaries(t)
	plan := planChaos(t)
	t.Logf("seed %d", plan.seed)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("CHAOS_SEED=%d repeats what was done", plan.seed)
		}
	})
	scenarios := []struct {
		name string
		run  func(*testing.T, chaosPlan)
	}{
		{"the plugin is killed", chaosOfPluginKills},
		{"the server is killed", chaosOfServerKills},
		{"the active node is killed", chaosOfLeaderKills},
		{"every exchange fails in every way", chaosOfFaults},
		{"ProcessMaker is away", chaosOfOutages},
		{"leases end together", chaosOfExpiry},
	}
	run := func(i int) {
		t.Run(scenarios[i].name, func(t *testing.T) {
			begin := time.Now()
			defer func() { t.Logf("took %s", time.Since(begin).Round(time.Second)) }()
			scenarios[i].run(t, plan)
		})
	}
	together := len(scenarios)
	if plan.long {
		together--
	}
	inParallel(together, run)
	runInTurn(len(scenarios)-together, func(i int) { run(together + i) })
}
