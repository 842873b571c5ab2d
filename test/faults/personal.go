package faults

import (
	"context"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/credential"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// FailedMintingLeavesNothing is the table of what can go wrong between the
// record and the answer.
func FailedMintingLeavesNothing(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	const on = processmakertest.CreateToken
	for name, test := range map[string]struct {
		arrange func(h *mounttest.Mount)
		status  int
		says    string
		due     bool // a token may exist, so the ledger looks for it
	}{
		"answer lost":                {mounttest.Inject(on, processmakertest.LoseAnswer()), 502, "closed before the answer", true},
		"refused before processing":  {mounttest.Inject(on, processmakertest.Refuse()), 502, "closed before the answer", true},
		"truncated":                  {mounttest.Inject(on, processmakertest.Truncated()), 502, "broke off", true},
		"proxy's page after success": {mounttest.Inject(on, processmakertest.AnswerAfter(502, nil, "<html>")), 502, "HTTP 502", true},
		"no personal access client":  {mounttest.Inject(on, processmakertest.ServerError()), 502, "passport:client --personal", true},
		"answer of another form":     {mounttest.Inject(on, processmakertest.Replace(func(int, []byte) (int, []byte) { return 200, []byte(`{"accessToken":5}`) })), 502, "no token", true},
		"opaque token":               {mounttest.Inject(on, processmakertest.Replace(func(int, []byte) (int, []byte) { return 200, []byte(`{"accessToken":"SECRET"}`) })), 502, "RS256", true},
		"forbidden":                  {mounttest.Inject(on, processmakertest.Answer(403, mounttest.JsonHeader(), `{}`)), 400, "Give the role the login of an administrator", false},
		"name refused":               {mounttest.Inject(on, processmakertest.Answer(422, mounttest.JsonHeader(), `{}`)), 500, "malformed", false},
		"throttled":                  {mounttest.Inject(on, processmakertest.Throttled(7)), 503, "try again in 8s", false},
		"down":                       {func(h *mounttest.Mount) { h.GoDown() }, 502, "cannot be reached", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewPersonal(t, mount, nil)
			h.Issue(nil)
			h.Tick()
			h.Clock.Advance(time.Minute)
			test.arrange(h)
			resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Equal(t, test.status, mounttest.Status(resp, err), mounttest.Message(resp, err))
			require.Contains(t, mounttest.Message(resp, err), test.says)
			require.NotContains(t, mounttest.Message(resp, err), "SECRET")
			require.Equal(t, test.due, len(h.RecordIDs()) == 2)

			require.NoError(t, h.Pm.GoOnline())
			h.Clock.Advance(credential.MintingTime)
			h.Tick()
			require.Len(t, h.LivePersonal(), 1, "only the one that was handed out")
			require.Len(t, h.RecordIDs(), 1)
		})
	}
}

func AFailedRecordMintsNothing(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	h.Pm.ResetLog()
	h.Storage.FailPuts(mounttest.AnyKey)
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.ErrorContains(t, err, "disk full")
	require.Zero(t, h.Pm.Count())
}

func AFailedSessionWriteEndsIt(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Storage.FailPuts(func(key string) bool { return strings.HasPrefix(key, "session/") })
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.ErrorContains(t, err, "disk full")
	require.Empty(t, h.LiveIDs())
	h.Storage.FailPuts(nil)
	h.Issue(nil)
	require.Len(t, h.LiveIDs(), 2)
}

func AReaderOfAPersonalTokenWhoGoesAwayLeavesNothing(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewPersonal(t, mount, nil)
	h.Issue(nil)
	ctx, cancel := context.WithCancel(context.Background())
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		cancel()
		return status, body
	})})
	_, err := h.Request(ctx, logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Len(t, h.LivePersonal(), 1)
	require.Len(t, h.RecordIDs(), 1)
}
