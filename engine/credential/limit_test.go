package credential

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
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
	limit, now := &Service{host: system}, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
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
	require.Equal(t, 2*time.Minute, limit.maxTTL(now.Add(-time.Hour)))
}
