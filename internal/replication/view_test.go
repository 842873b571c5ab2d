package replication

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

type asked struct {
	*logical.StaticSystemView
	times int
}

func (a *asked) ReplicationState() consts.ReplicationState {
	a.times++
	return a.StaticSystemView.ReplicationState()
}

func TestTheReplicationStateIsAskedForOnceASecond(t *testing.T) {
	t.Parallel()
	vault := &asked{StaticSystemView: &logical.StaticSystemView{}}
	clk := clocktest.New(time.Unix(1_800_000_000, 0))
	view := NewView(vault, clk)
	for range 3 {
		require.Equal(t, consts.ReplicationUnknown, view.ReplicationState())
	}
	require.Equal(t, 1, vault.times)

	vault.ReplicationStateVal = consts.ReplicationPerformanceStandby
	clk.Advance(remembered - 1)
	require.Equal(t, consts.ReplicationUnknown, view.ReplicationState())
	clk.Advance(1)
	require.Equal(t, consts.ReplicationPerformanceStandby, view.ReplicationState())
	require.Equal(t, 2, vault.times)

	vault.ReplicationStateVal = consts.ReplicationUnknown
	clk.Advance(-time.Hour)
	require.Equal(t, consts.ReplicationUnknown, view.ReplicationState(), "a clock that is put back keeps no answer for an hour")
}
