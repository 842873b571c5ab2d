package credentials

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/lease"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

func ATunedMountLimitsNewLeases(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, map[string]any{"ttl": "1h", "max_ttl": "24h"})
	require.Equal(t, time.Hour, h.Issue(nil).Secret.TTL)
	h.System.MaxLeaseTTLVal = 5 * time.Minute
	h.Clock.Advance(10 * time.Second)
	l := h.Issue(nil)
	require.Equal(t, 5*time.Minute, l.Secret.TTL)
	require.Equal(t, h.Clock.Now().Add(5*time.Minute+lease.DeadlineSlack), h.Record(l.Id()).Deadline)
}
