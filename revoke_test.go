package main

import (
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestRevokeEndsTheToken(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"4.15.5", "4.6.0"} {
		h := newReadyHarness(t, nil, func(c *processmakertest.Config) { c.Release = release })
		l := h.Issue(nil)
		require.NoError(t, l.TryRevoke())
		require.False(t, h.Pm.Accepts(l.Token()))
		require.Empty(t, h.RecordIDs())
		require.NoError(t, l.TryRevoke(), "twice is once")
	}
}

func TestRevokeWorksWithoutRoleAndConfig(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	resp, err := h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.Contains(t, resp.Warnings[0], "1 credentials still live")
	require.Nil(t, h.Read("config"))
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "config first")

	// A plugin that starts anew knows no more than storage does.
	h.ForgetAll()
	require.NoError(t, l.TryRevoke())
	require.Empty(t, h.LiveIDs())
}

func TestRevokeOutcomes(t *testing.T) {
	t.Parallel()
	const end, ask = processmakertest.DeleteToken, processmakertest.ShowToken
	for name, test := range map[string]struct {
		arrange func(h *mounttest.Mount, l *mounttest.Lease)
		says    string
	}{
		"ended by hand before": {func(h *mounttest.Mount, l *mounttest.Lease) { h.Pm.RevokeTokenByID(l.Data["token_id"].(string)) }, ""},
		"user deleted":         {func(h *mounttest.Mount, _ *mounttest.Lease) { h.Pm.DeleteUser("alice") }, ""},
		"client deleted":       {func(h *mounttest.Mount, _ *mounttest.Lease) { h.Pm.RevokeClient(3) }, ""},
		"signing key changed":  {func(h *mounttest.Mount, _ *mounttest.Lease) { h.Pm.RotatePassportKey() }, ""},
		"row purged": {func(h *mounttest.Mount, l *mounttest.Lease) {
			h.Pm.RevokeTokenByID(l.Data["token_id"].(string))
			h.Pm.PurgeRevoked()
		}, ""},
		"down":        {func(h *mounttest.Mount, _ *mounttest.Lease) { h.GoDown() }, "cannot be reached|connection refused"},
		"answer lost": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.LoseAnswer())(h) }, "may still live"},
		"throttled":   {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.Throttled(5))(h) }, "throttled"},
		"proxy's 401": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.HTMLPage(401))(h) }, "not JSON"},
		"another JSON 401": {func(h *mounttest.Mount, _ *mounttest.Lease) {
			mounttest.Inject(end, processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"expired"}`))(h)
		}, "may still live"},
		"500 and not done": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.ServerError())(h) }, "still accepted"},
		"404 and alive": {func(h *mounttest.Mount, _ *mounttest.Lease) {
			mounttest.Inject(end, processmakertest.Answer(404, mounttest.JsonHeader(), `{"error":"Not Found"}`))(h)
		}, "still accepted"},
		"proxy's 500": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.HTMLPage(500))(h) }, "may still live"},
		"forbidden": {func(h *mounttest.Mount, _ *mounttest.Lease) {
			mounttest.Inject(end, processmakertest.Answer(403, mounttest.JsonHeader(), `{}`))(h)
		}, "forbidden"},
		"a page instead": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(end, processmakertest.HTMLPage(200))(h) }, "not JSON"},
		"redirect": {func(h *mounttest.Mount, _ *mounttest.Lease) {
			mounttest.Inject(end, processmakertest.Redirect("/login"))(h)
		}, "redirect"},
		"500, then trouble": {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(ask, processmakertest.ServerError())(h) }, "may still live"},
		"500, then a page":  {func(h *mounttest.Mount, _ *mounttest.Lease) { mounttest.Inject(ask, processmakertest.HTMLPage(200))(h) }, "may still live"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			l := h.Issue(nil)
			h.Clock.Advance(time.Minute)
			test.arrange(h, l)
			err := l.TryRevoke()
			if test.says == "" {
				require.NoError(t, err)
				require.Empty(t, h.RecordIDs())
				require.False(t, h.Pm.Accepts(l.Token()))
				return
			}
			require.Error(t, err)
			require.Regexp(t, test.says, err.Error())
			require.Contains(t, err.Error(), `role "ci"`)
			require.Len(t, h.RecordIDs(), 1, "what may live stays known")

			// Once the trouble is over, Vault's next try succeeds.
			require.NoError(t, h.Pm.GoOnline())
			h.Clock.Advance(time.Minute)
			require.NoError(t, l.TryRevoke())
			require.Empty(t, h.LiveIDs())
		})
	}
}

func TestAYoungTokenThatIsRefusedIsAskedAgain(t *testing.T) {
	t.Parallel()
	// Behind several app servers a new token can be refused by one whose
	// clock is behind.
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"Unauthenticated."}`)})
	require.NoError(t, l.TryRevoke())
	require.Equal(t, 2, h.Pm.Count(processmakertest.DeleteToken))
	require.False(t, h.Pm.Accepts(l.Token()))
	require.Equal(t, []time.Duration{2 * time.Second}, h.Clock.Slept())
}

func TestATokenPastItsEndNeedsNoCall(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Pm.GoOffline()
	h.Pm.ResetLog()
	h.Clock.Advance(366 * 24 * time.Hour)
	require.NoError(t, l.TryRevoke())
	require.Zero(t, h.Pm.Count())
	require.Empty(t, h.RecordIDs())
}

func TestTheRecordGoesLast(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.Storage.FailDeletes(true)
	require.Error(t, l.TryRevoke())
	require.Len(t, h.RecordIDs(), 1)
	h.Storage.FailDeletes(false)
	require.NoError(t, l.TryRevoke())
	require.Empty(t, h.RecordIDs())
}

func TestRevocationsNeverTakeMoreThanTheirLane(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("config", map[string]any{"max_concurrent_requests": 8})
	var leases []*mounttest.Lease
	for range 60 {
		leases = append(leases, h.Issue(nil))
	}
	h.Pm.ResetLog()
	release := make(chan struct{})
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Hold(release)})
	var wg sync.WaitGroup
	for _, l := range leases {
		wg.Go(func() {
			if err := l.TryRevoke(); err != nil {
				t.Error(err)
			}
		})
	}
	// While every place of the lane is taken, reads go on.
	for range 10 {
		h.Issue(nil)
	}
	close(release)
	wg.Wait()
	require.LessOrEqual(t, h.Pm.PeakInFlight(processmakertest.DeleteToken, processmakertest.ShowToken), 4)
	require.Len(t, h.LiveIDs(), 10)
}
