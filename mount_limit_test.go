package main

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/lease"
)

// askedSystem counts what is asked of Vault.
type askedSystem struct {
	logical.StaticSystemView
	asked int
}

func (s *askedSystem) MaxLeaseTTL() time.Duration {
	s.asked++
	return s.MaxLeaseTTLVal
}

func TestTheMountsLimitIsAskedForNowAndThen(t *testing.T) {
	t.Parallel()
	system := &askedSystem{StaticSystemView: logical.StaticSystemView{MaxLeaseTTLVal: time.Hour}}
	limit, now := &CredentialService{host: system}, noon
	for range 100 {
		require.Equal(t, time.Hour, limit.maxTTL(now))
	}
	require.Equal(t, 1, system.asked)

	system.MaxLeaseTTLVal = time.Minute
	require.Equal(t, time.Hour, limit.maxTTL(now.Add(mountLimitAge-1)))
	require.Equal(t, time.Minute, limit.maxTTL(now.Add(mountLimitAge)))
	require.Equal(t, 2, system.asked)

	// A clock that was set back does not keep what is known for ever.
	system.MaxLeaseTTLVal = 2 * time.Minute
	require.Equal(t, 2*time.Minute, limit.maxTTL(noon.Add(-time.Hour)))
}

func TestATunedMountLimitsNewLeases(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"ttl": "1h", "max_ttl": "24h"})
	require.Equal(t, time.Hour, h.issue(nil).secret.TTL)
	h.system.MaxLeaseTTLVal = 5 * time.Minute
	h.clock.Advance(mountLimitAge)
	l := h.issue(nil)
	require.Equal(t, 5*time.Minute, l.secret.TTL)
	require.Equal(t, h.clock.Now().Add(5*time.Minute+lease.DeadlineSlack), h.record(l.id()).Deadline)
}
