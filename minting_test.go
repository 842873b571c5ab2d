package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// TestFailedMintingLeavesNothing is the table of what can go wrong between the
// record and the answer.
func TestFailedMintingLeavesNothing(t *testing.T) {
	t.Parallel()
	const on = processmakertest.CreateToken
	for name, test := range map[string]struct {
		arrange func(h *harness)
		status  int
		says    string
		due     bool // a token may exist, so the ledger looks for it
	}{
		"answer lost":                {inject(on, processmakertest.LoseAnswer()), 502, "closed before the answer", true},
		"refused before processing":  {inject(on, processmakertest.Refuse()), 502, "closed before the answer", true},
		"truncated":                  {inject(on, processmakertest.Truncated()), 502, "broke off", true},
		"proxy's page after success": {inject(on, processmakertest.AnswerAfter(502, nil, "<html>")), 502, "HTTP 502", true},
		"no personal access client":  {inject(on, processmakertest.ServerError()), 502, "passport:client --personal", true},
		"answer of another form":     {inject(on, processmakertest.Replace(func(int, []byte) (int, []byte) { return 200, []byte(`{"accessToken":5}`) })), 502, "no token", true},
		"opaque token":               {inject(on, processmakertest.Replace(func(int, []byte) (int, []byte) { return 200, []byte(`{"accessToken":"SECRET"}`) })), 502, "RS256", true},
		"forbidden":                  {inject(on, processmakertest.Answer(403, jsonHeader(), `{}`)), 400, "has to be an administrator", false},
		"name refused":               {inject(on, processmakertest.Answer(422, jsonHeader(), `{}`)), 500, "malformed", false},
		"throttled":                  {inject(on, processmakertest.Throttled(7)), 503, "try again in 8s", false},
		"down":                       {func(h *harness) { h.goDown() }, 502, "cannot be reached", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPersonalHarness(t, nil)
			h.issue(nil)
			h.tick()
			h.clock.Advance(time.Minute)
			test.arrange(h)
			resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
			require.Equal(t, test.status, status(resp, err), message(resp, err))
			require.Contains(t, message(resp, err), test.says)
			require.NotContains(t, message(resp, err), "SECRET")
			require.Equal(t, test.due, len(h.recordIDs()) == 2)

			require.NoError(t, h.pm.GoOnline())
			h.clock.Advance(mintingTime)
			h.tick()
			require.Len(t, h.livePersonal(), 1, "only the one that was handed out")
			require.Len(t, h.recordIDs(), 1)
		})
	}
}

func TestAFailedRecordMintsNothing(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	h.pm.ResetLog()
	h.storage.failPuts(anyKey)
	_, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.ErrorContains(t, err, "disk full")
	require.Zero(t, h.pm.Count())
}

func TestAFailedSessionWriteEndsIt(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.storage.failPuts(func(key string) bool { return strings.HasPrefix(key, "session/") })
	_, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.ErrorContains(t, err, "disk full")
	require.Empty(t, h.liveIDs())
	h.storage.failPuts(nil)
	h.issue(nil)
	require.Len(t, h.liveIDs(), 2)
}

func TestAReaderOfAPersonalTokenWhoGoesAwayLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	ctx, cancel := context.WithCancel(context.Background())
	h.pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		cancel()
		return status, body
	})})
	_, err := h.request(ctx, logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Len(t, h.livePersonal(), 1)
	require.Len(t, h.recordIDs(), 1)
}
