package credentials

import (
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func OnlyAnOutageIsHandedOver(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Answer(403, mounttest.JsonHeader(), `{}`)})
	for range 3 {
		h.Clock.Advance(10 * time.Minute)
		require.Error(t, l.TryRevoke())
	}
	require.Equal(t, l.Id(), h.RecordIDs()[0])
}

func NothingIsHandedOverByAMountThatGoes(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.GoDown()
	h.Taint()
	for range 3 {
		h.Clock.Advance(10 * time.Minute)
		require.Error(t, l.TryRevoke())
	}
}

func ALongOutageHandsRevocationsOverToTheLedger(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := mounttest.NewReady(t, mount, map[string]any{"credential_type": kind})
		h.Tick()
		l := h.Issue(nil)
		h.Clock.Advance(time.Minute)
		h.GoDown()
		// As Vault repeats it.
		for _, pause := range []time.Duration{0, 20, 40, 80, 159} {
			h.Clock.Advance(pause * time.Second)
			require.Error(t, l.TryRevoke())
			require.Equal(t, l.Id(), h.RecordIDs()[0])
		}
		h.Clock.Advance(time.Second)
		require.NoError(t, l.TryRevoke(), "before Vault gives up")
		require.Len(t, h.RecordIDs(), 1)
		require.NotEqual(t, l.Id(), h.RecordIDs()[0])
		require.NoError(t, l.TryRevoke())

		require.NoError(t, h.Pm.GoOnline())
		h.Clock.Advance(time.Minute)
		h.Pm.ResetLog()
		h.Tick()
		require.False(t, h.Pm.Accepts(l.Token()))
		require.Empty(t, h.RecordIDs())
		require.Zero(t, h.Pm.Count(processmakertest.ListTokens), "the token went along")
		require.Zero(t, h.Backend.Engine().Credentials.Attempts.Len())
	}
}
