//go:build unix

package acceptance

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// staticRotations is how many rotations a template has to live through.
const staticRotations = 5

// Rotations take their time, so that both of these go on at once.
func TestStaticCredsOverRotations(t *testing.T) {
	t.Parallel()
	judge := probeAgentTemplate(t)
	t.Run("a rotation that fails", staticCredsOutliveAFailedRotation)
	t.Run("a template", judge)
}

// probeAgentTemplate begins to probe what a template holds, which reads again
// when ttl is over. The function that it gives waits for the end and judges.
func probeAgentTemplate(t *testing.T) (judge func(*testing.T)) {
	t.Helper()
	m := newSharingMount(t, personal)
	// The policy of the examples is about leases.
	policy := m.path + "-static"
	require.NoError(t, m.client.Sys().PutPolicy(policy, fmt.Sprintf("path %q { capabilities = [\"read\"] }", m.at("static-creds/app"))))
	t.Cleanup(func() { assert.NoError(t, m.client.Sys().DeletePolicy(policy)) })
	dir := t.TempDir()
	agent := m.companionFrom("agent", "agent/agent.hcl", dir, merge(endlessVaultToken, fields{"token_policies": policy}),
		"/run/processmaker", dir,
		templatePath+"extend", m.at("static-creds/app"))
	source := fileSource(filepath.Join(dir, "token"))
	eventually(t, "there is a token", func() bool {
		token, err := source()
		return err == nil && token != ""
	})
	probe, reports, made := m.prober(source), make(chan probeReport, 1), 0
	go func() {
		report := probe.run(func(r probeReport) bool { return r.Tokens > staticRotations }, probeLimit)
		// Rotations go on until somebody asks for the report.
		made = m.pm.Count(processmakertest.CreateToken)
		reports <- report
	}()
	return func(t *testing.T) {
		report := <-reports
		t.Logf("%d probes, %d tokens, %d refused, %d overtaken; made %d", report.Probes, report.Tokens, report.Refusals,
			report.Overtaken, made)
		if report.Err != nil || report.Refusals > 0 {
			t.Log(agent.logTail())
		}
		require.NoError(t, report.Err)
		assert.Greater(t, report.Tokens, staticRotations, "rotations and the first")
		assert.Zero(t, report.Refusals, "a dead token was offered")
		assert.Zero(t, report.Overtaken, "a token died while it was being replaced")
		assert.LessOrEqual(t, made, report.Tokens+1, "more rotations than periods")
		assert.Equal(t, 1, m.pm.Count(processmakertest.AnyToken), "sign-ins for all rotations")
		// Old ones die by themselves, with the engine's tick of a minute: those of
		// two minutes at the most are there.
		assert.Less(t, len(m.livePersonalTokens()), 15)
	}
}
