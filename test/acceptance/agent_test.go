//go:build unix

package acceptance

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/freeport"
)

const (
	// enoughProbes and enoughTokens are what a set-up has to last: so many
	// probes, over a first token and five re-reads.
	enoughProbes = 1000
	enoughTokens = 6
	// probeLimit ends a set-up that does not get there. A run that passes takes
	// a little over enoughProbes times probePause.
	probeLimit = 4 * time.Minute
)

// The role app. Its mode is refresh, so that it is the consumer's own words that
// count. There are re-reads every few seconds, as the leases stop growing soon.
var (
	consumerRole = fields{"renew_mode": "refresh", "ttl": "8s", "max_ttl": "10s"}
	noneRole     = fields{"renew_mode": "refresh", "ttl": "10s", "max_ttl": "10s"}
	// rotatingRole has leases that go on growing, so that renewals rotate.
	rotatingRole = fields{"renew_mode": "refresh", "ttl": "4s", "max_ttl": "1h"}
)

// startConsumer starts a consumer beside the server and returns where it offers
// its token.
type startConsumer func(t *testing.T, m *mount, dir string) (tokenSource, *companion)

// consumerCase is one consumer in one set-up.
type consumerCase struct {
	name  string
	role  fields
	start startConsumer
	// control is a set-up that must hold dead tokens: it shows that the prober
	// sees them.
	control bool
	// warnedAgainst is a set-up that the consumers' page says not to use. What
	// happens in it is up to Vault's version, so it is shown but not required.
	warnedAgainst bool

	m      *mount
	source tokenSource
	beside *companion
	report probeReport
}

var consumerCases = []*consumerCase{
	{name: "agent template, extend", role: consumerRole, start: agentTemplate("extend", endlessVaultToken)},
	{name: "agent template, none", role: noneRole, start: agentTemplate("none", endlessVaultToken)},
	{name: "agent template, extend, Vault token of 20 s", role: consumerRole, start: agentTemplate("extend", fields{"token_ttl": "20s", "token_max_ttl": "20s"})},
	{name: "agent with a cache, its template, none", role: noneRole, start: agentBesideCache("none")},
	{name: "agent with a cache, its template, extend", role: consumerRole, start: agentBesideCache("extend"), warnedAgainst: true},
	{name: "agent cache, extend", role: consumerRole, start: throughCache("agent", "agent-cache/agent.hcl", "extend", cacheSource)},
	{name: "agent cache, none", role: noneRole, start: throughCache("agent", "agent-cache/agent.hcl", "none", pacedSource)},
	{name: "proxy cache, extend", role: consumerRole, start: throughCache("proxy", "proxy/proxy.hcl", "extend", cacheSource)},
	{name: "proxy cache, none", role: noneRole, start: throughCache("proxy", "proxy/proxy.hcl", "none", pacedSource)},
	{name: "agent template, refresh", role: rotatingRole, start: agentTemplate("refresh", endlessVaultToken), control: true},
	{name: "proxy cache, refresh", role: rotatingRole, start: throughCache("proxy", "proxy/proxy.hcl", "refresh", cacheSource), control: true},
}

// Every consumer in a documented set-up holds a live token at every moment. All
// set-ups run at the same time, as each takes a minute of waiting.
// It runs alone: the leases last seconds, and with servers being killed beside it
// an agent takes longer to render than it has.
func TestConsumersHoldLiveTokens(t *testing.T) {
	sharedServer(t)
	for _, c := range consumerCases {
		c.m = consumerMount(t, c.role)
		c.source, c.beside = c.start(t, c.m, t.TempDir())
	}
	for _, c := range consumerCases {
		eventually(t, "there is a token: "+c.name, func() bool {
			token, err := c.source()
			return err == nil && token != ""
		})
	}
	var all sync.WaitGroup
	for _, c := range consumerCases {
		probe := c.m.prober(c.source)
		all.Go(func() { c.report = probe.run(c.enough, probeLimit) })
	}
	all.Wait()
	for _, c := range consumerCases {
		t.Run(c.name, func(t *testing.T) {
			t.Logf("%d probes, %d tokens, %d refused, %d overtaken; logins %d, refreshes %d",
				c.report.Probes, c.report.Tokens, c.report.Refusals, c.report.Overtaken, c.logins(), c.refreshes())
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(c.beside.logTail())
				}
			})
			require.NoError(t, c.report.Err)
			if c.control {
				assert.NotZero(t, c.report.Refusals, "the prober did not see a dead token")
				return
			}
			if c.warnedAgainst {
				return
			}
			assert.Zero(t, c.report.Refusals, "a dead token was offered")
			assert.Zero(t, c.report.Overtaken, "a token died while it was being replaced")
			assert.GreaterOrEqual(t, c.report.Probes, enoughProbes)
			assert.GreaterOrEqual(t, c.report.Tokens, enoughTokens)
			assert.Zero(t, c.refreshes())
			// One login for each token that was seen, one for a token that
			// came after the last probe, and one in reserve.
			assert.LessOrEqual(t, c.logins(), c.report.Tokens+2, "more logins than re-reads")
		})
	}
}

func (c *consumerCase) enough(r probeReport) bool {
	if (c.control || c.warnedAgainst) && r.Refusals >= 20 {
		return true
	}
	return !c.control && r.Probes >= enoughProbes && r.Tokens >= enoughTokens
}

func (c *consumerCase) logins() int    { return c.m.pm.Count(processmakertest.PasswordGrant) }
func (c *consumerCase) refreshes() int { return c.m.pm.Count(processmakertest.RefreshGrant) }

const templatePath = "processmaker/creds/app?renew_mode="

func agentTemplate(mode string, vaultToken fields) startConsumer {
	return func(t *testing.T, m *mount, dir string) (tokenSource, *companion) {
		agent := m.companionFrom("agent", "agent/agent.hcl", dir, vaultToken,
			"/run/processmaker", dir,
			templatePath+"extend", m.at("creds/app?renew_mode="+mode))
		return fileSource(filepath.Join(dir, "token")), agent
	}
}

func agentBesideCache(mode string) startConsumer {
	return func(t *testing.T, m *mount, dir string) (tokenSource, *companion) {
		agent, _ := startCached(t, m, "agent", "agent-cache/agent.hcl", dir,
			"/run/processmaker", dir,
			templatePath+"none", m.at("creds/app?renew_mode="+mode))
		return fileSource(filepath.Join(dir, "token")), agent
	}
}

func throughCache(kind, example, mode string, source func(address, path string) tokenSource) startConsumer {
	return func(t *testing.T, m *mount, dir string) (tokenSource, *companion) {
		var marks []string
		if _, template, found := strings.Cut(exampleText(t, example), "\ntemplate {"); found {
			// Its reads are not those that are counted here.
			marks = []string{"\ntemplate {" + template, ""}
		}
		beside, address := startCached(t, m, kind, example, dir, marks...)
		return source(address, m.at("creds/app?renew_mode="+mode)), beside
	}
}

// startCached starts a companion with a listener and returns its address.
func startCached(t *testing.T, m *mount, kind, example, dir string, marks ...string) (*companion, string) {
	t.Helper()
	port, err := freeport.Choose()
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	return m.companionFrom(kind, example, dir, endlessVaultToken, append(marks, "127.0.0.1:8100", address)...), address
}
