package main

import (
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestRevokeEndsTheToken(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"4.15.5", "4.6.0"} {
		h := newReadyHarness(t, nil, func(c *processmakertest.Config) { c.Release = release })
		l := h.issue(nil)
		require.NoError(t, l.tryRevoke())
		require.False(t, h.pm.Accepts(l.token()))
		require.Empty(t, h.recordIDs())
		require.NoError(t, l.tryRevoke(), "twice is once")
	}
}

func TestRevokeWorksWithoutRoleAndConfig(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	_, err := h.do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	resp, err := h.do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.Contains(t, resp.Warnings[0], "1 credentials still live")
	require.Nil(t, h.read("config"))
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "config first")

	// A plugin that starts anew knows no more than storage does.
	h.forgetAll()
	require.NoError(t, l.tryRevoke())
	require.Empty(t, h.liveIDs())
}

func TestRevokeOutcomes(t *testing.T) {
	t.Parallel()
	const end, ask = processmakertest.DeleteToken, processmakertest.ShowToken
	for name, test := range map[string]struct {
		arrange func(h *harness, l *heldLease)
		says    string
	}{
		"ended by hand before": {func(h *harness, l *heldLease) { h.pm.RevokeTokenByID(l.data["token_id"].(string)) }, ""},
		"user deleted":         {func(h *harness, _ *heldLease) { h.pm.DeleteUser("alice") }, ""},
		"client deleted":       {func(h *harness, _ *heldLease) { h.pm.RevokeClient(3) }, ""},
		"signing key changed":  {func(h *harness, _ *heldLease) { h.pm.RotatePassportKey() }, ""},
		"row purged":           {func(h *harness, l *heldLease) { h.pm.RevokeTokenByID(l.data["token_id"].(string)); h.pm.PurgeRevoked() }, ""},
		"down":                 {func(h *harness, _ *heldLease) { h.goDown() }, "cannot be reached|connection refused"},
		"answer lost":          {func(h *harness, _ *heldLease) { inject(end, processmakertest.LoseAnswer())(h) }, "may still live"},
		"throttled":            {func(h *harness, _ *heldLease) { inject(end, processmakertest.Throttled(5))(h) }, "throttled"},
		"proxy's 401":          {func(h *harness, _ *heldLease) { inject(end, processmakertest.HTMLPage(401))(h) }, "not JSON"},
		"another JSON 401": {func(h *harness, _ *heldLease) {
			inject(end, processmakertest.Answer(401, jsonHeader(), `{"error":"expired"}`))(h)
		}, "may still live"},
		"500 and not done": {func(h *harness, _ *heldLease) { inject(end, processmakertest.ServerError())(h) }, "still accepted"},
		"404 and alive": {func(h *harness, _ *heldLease) {
			inject(end, processmakertest.Answer(404, jsonHeader(), `{"error":"Not Found"}`))(h)
		}, "still accepted"},
		"proxy's 500":       {func(h *harness, _ *heldLease) { inject(end, processmakertest.HTMLPage(500))(h) }, "may still live"},
		"forbidden":         {func(h *harness, _ *heldLease) { inject(end, processmakertest.Answer(403, jsonHeader(), `{}`))(h) }, "forbidden"},
		"a page instead":    {func(h *harness, _ *heldLease) { inject(end, processmakertest.HTMLPage(200))(h) }, "not JSON"},
		"redirect":          {func(h *harness, _ *heldLease) { inject(end, processmakertest.Redirect("/login"))(h) }, "redirect"},
		"500, then trouble": {func(h *harness, _ *heldLease) { inject(ask, processmakertest.ServerError())(h) }, "may still live"},
		"500, then a page":  {func(h *harness, _ *heldLease) { inject(ask, processmakertest.HTMLPage(200))(h) }, "may still live"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			l := h.issue(nil)
			h.clock.Advance(time.Minute)
			test.arrange(h, l)
			err := l.tryRevoke()
			if test.says == "" {
				require.NoError(t, err)
				require.Empty(t, h.recordIDs())
				require.False(t, h.pm.Accepts(l.token()))
				return
			}
			require.Error(t, err)
			require.Regexp(t, test.says, err.Error())
			require.Contains(t, err.Error(), `role "ci"`)
			require.Len(t, h.recordIDs(), 1, "what may live stays known")

			// Once the trouble is over, Vault's next try succeeds.
			require.NoError(t, h.pm.GoOnline())
			h.clock.Advance(time.Minute)
			require.NoError(t, l.tryRevoke())
			require.Empty(t, h.liveIDs())
		})
	}
}

func TestAYoungTokenThatIsRefusedIsAskedAgain(t *testing.T) {
	t.Parallel()
	// Behind several app servers a new token can be refused by one whose
	// clock is behind.
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.Answer(401, jsonHeader(), `{"error":"Unauthenticated."}`)})
	require.NoError(t, l.tryRevoke())
	require.Equal(t, 2, h.pm.Count(processmakertest.DeleteToken))
	require.False(t, h.pm.Accepts(l.token()))
	require.Equal(t, []time.Duration{2 * time.Second}, h.clock.Slept())
}

func TestATokenPastItsEndNeedsNoCall(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.pm.GoOffline()
	h.pm.ResetLog()
	h.clock.Advance(366 * 24 * time.Hour)
	require.NoError(t, l.tryRevoke())
	require.Zero(t, h.pm.Count())
	require.Empty(t, h.recordIDs())
}

func TestTheRecordGoesLast(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.issue(nil)
	h.storage.failDeletes(true)
	require.Error(t, l.tryRevoke())
	require.Len(t, h.recordIDs(), 1)
	h.storage.failDeletes(false)
	require.NoError(t, l.tryRevoke())
	require.Empty(t, h.recordIDs())
}

func TestRevocationsNeverTakeMoreThanTheirLane(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.mustWrite("config", map[string]any{"max_concurrent_requests": 8})
	var leases []*heldLease
	for range 60 {
		leases = append(leases, h.issue(nil))
	}
	h.pm.ResetLog()
	release := make(chan struct{})
	h.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Hold(release)})
	var wg sync.WaitGroup
	for _, l := range leases {
		wg.Go(func() {
			if err := l.tryRevoke(); err != nil {
				t.Error(err)
			}
		})
	}
	// While every place of the lane is taken, reads go on.
	for range 10 {
		h.issue(nil)
	}
	close(release)
	wg.Wait()
	require.LessOrEqual(t, h.pm.PeakInFlight(processmakertest.DeleteToken, processmakertest.ShowToken), 4)
	require.Len(t, h.liveIDs(), 10)
}
