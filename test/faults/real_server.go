package faults

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// ARefreshThatIsCarriedOutLateIsAskedAbout: PHP works on after its caller has gone.
func ARefreshThatIsCarriedOutLateIsAskedAbout(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.MustWrite("config", map[string]any{"request_timeout": "1s"})
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	frozen := h.Pm.Freeze(processmakertest.RefreshGrant)
	resp := l.Renew()
	require.NotEmpty(t, resp.Warnings)
	require.True(t, h.Pm.Accepts(l.Token()))
	require.True(t, h.Record(l.Id()).Doubtful)

	frozen.CarryOut()
	frozen.Thaw()
	require.False(t, h.Pm.Accepts(l.Token()))
	// A renewal that does not lengthen the lease asks all the same.
	l.Renew()
	require.True(t, h.Pm.Accepts(l.Token()), "a dead token was answered")
	require.NotZero(t, h.Read("status")["unaccounted"])
}

// ATokenStaysUncertainUntilProcessMakerHadItsTime to carry the refresh out.
func ATokenStaysUncertainUntilProcessMakerHadItsTime(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, map[string]any{"refresh_min_age": "20m"})
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Times: 2, Do: processmakertest.GatewayPage(500)})
	l.Renew()
	require.True(t, h.Record(l.Id()).Doubtful)
	h.Clock.Advance(30 * time.Second)
	h.Pm.ResetLog()
	l.Renew()
	require.NotZero(t, h.Pm.Count(processmakertest.ShowToken))
	require.True(t, h.Pm.Accepts(l.Token()))
}

// AGatewaysErrorKeepsTheTokenForAWhile: refresh and question are answered by a gateway.
func AGatewaysErrorKeepsTheTokenForAWhile(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for _, status := range []int{502, 504} {
		h := mounttest.NewReady(t, mount, nil)
		l := h.Issue(nil)
		h.Clock.Advance(30 * time.Minute)
		remove := h.Pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: -1, Do: processmakertest.GatewayPage(status)})
		resp := l.Renew()
		require.LessOrEqual(t, l.Secret.TTL, 2*time.Minute)
		require.Contains(t, resp.Warnings[0], "could not be found out")
		require.True(t, h.Record(l.Id()).Doubtful)
		remove()
		h.Clock.Advance(time.Minute)
		l.Renew()
		require.True(t, h.Pm.Accepts(l.Token()))
		require.Greater(t, l.Secret.TTL, 2*time.Minute)
	}
}

// AServerErrorOfAMintingHasTwoReasons: the database is away, or the client is missing.
func AServerErrorOfAMintingHasTwoReasons(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	const hint = "passport:client --personal"
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.ServerError()})
	resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Contains(t, mounttest.Message(resp, err), hint)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: -1, Do: processmakertest.DatabaseAway()})
	resp, err = h.Do(logical.ReadOperation, "creds/ci", nil)
	require.NotContains(t, mounttest.Message(resp, err), hint)
}

// AReaderThatGoesAwayLeavesADueRecord where its token cannot be ended at once.
func AReaderThatGoesAwayLeavesADueRecord(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	ctx, cancel := context.WithCancel(context.Background())
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		cancel()
		return status, body
	})})
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.GatewayPage(500)})
	_, err := h.Request(ctx, logical.ReadOperation, "creds/ci", nil)
	require.ErrorContains(t, err, "the reader went away")
	require.NotContains(t, err.Error(), "was ended")
	require.Equal(t, h.LiveIDs(), h.RecordedIDs())
	h.Clock.Advance(time.Minute)
	h.Tick()
	require.Empty(t, h.LiveIDs())
	require.EqualValues(t, 0, h.Read("status")["unaccounted"])
}
