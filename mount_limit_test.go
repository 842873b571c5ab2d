package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/lease"
)

func TestATunedMountLimitsNewLeases(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"ttl": "1h", "max_ttl": "24h"})
	require.Equal(t, time.Hour, h.issue(nil).secret.TTL)
	h.system.MaxLeaseTTLVal = 5 * time.Minute
	h.clock.Advance(10 * time.Second)
	l := h.issue(nil)
	require.Equal(t, 5*time.Minute, l.secret.TTL)
	require.Equal(t, h.clock.Now().Add(5*time.Minute+lease.DeadlineSlack), h.record(l.id()).Deadline)
}
