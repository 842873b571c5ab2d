package leaks

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// What every reader causes is at debug; an operator's log at info holds changes
// of state and the end of each credential.
func ReadersFillNoLogAtInfo(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	for range 3 {
		l := h.Issue(nil)
		h.Clock.Advance(10 * time.Minute)
		l.Renew()
		require.NoError(t, l.TryRevoke())
	}
	text := h.Log.String()
	require.Contains(t, text, "[DEBUG] credential issued")
	require.Equal(t, 3, strings.Count(text, "[INFO]"))
	require.Equal(t, 3, strings.Count(text, "[INFO]  credential ended: "))
	require.NotContains(t, text, "[WARN]")
}

func LinesAboutACredentialSayWhere(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	h.Clock.Advance(10 * time.Minute)
	l.Renew()
	h.GoDown()
	require.Error(t, l.TryRevoke())
	require.NoError(t, h.Pm.GoOnline())
	h.Clock.Advance(time.Minute)
	require.NoError(t, l.TryRevoke())
	for _, message := range []string{"credential issued", "credential renewed", "credential could not be ended", "credential ended"} {
		lines := regexp.MustCompile(`(?m)^.*\] +`+message+`: .*$`).FindAllString(h.Log.String(), -1)
		require.NotEmpty(t, lines, message)
		for _, line := range lines {
			for _, field := range []string{"mount=processmaker/", "role=ci", "credential_id=" + string(l.Id()), "duration="} {
				require.Contains(t, line, field)
			}
		}
	}
	require.Regexp(t, `credential could not be ended: .*attempt=1`, h.Log.String())
	require.Regexp(t, `credential ended: .*attempt=2`, h.Log.String())
}

// EachEndIsOneLine: of a wrapped read, and of a lease that ran out, it is the only trace.
func EachEndIsOneLine(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	ends := map[string]struct {
		reason string
		end    func(h *mounttest.Mount, l *mounttest.Lease)
	}{
		"its lease":    {"lease", func(h *mounttest.Mount, l *mounttest.Lease) { require.NoError(t, l.TryRevoke()) }},
		"a lost lease": {"ledger", func(h *mounttest.Mount, l *mounttest.Lease) { h.Clock.Advance(25 * time.Hour); h.Tick() }},
		"an operator": {"operator", func(h *mounttest.Mount, l *mounttest.Lease) {
			h.MustWrite("credentials/"+string(l.Id())+"/revoke", nil)
		}},
		"an outage": {"ledger", func(h *mounttest.Mount, l *mounttest.Lease) {
			h.GoDown()
			require.Error(t, l.TryRevoke())
			h.Clock.Advance(6 * time.Minute)
			require.NoError(t, l.TryRevoke())
			require.NoError(t, h.Pm.GoOnline())
			h.Clock.Advance(time.Minute)
			h.Tick()
		}},
	}
	for _, kind := range []string{"access_token", "personal_access_token"} {
		for how, test := range ends {
			t.Run(kind+" by "+how, func(t *testing.T) {
				t.Parallel()
				h := mounttest.NewReady(t, mount, map[string]any{"credential_type": kind})
				l := h.Issue(nil)
				token := "token_id=" + l.Data["token_id"].(string)
				if kind == "personal_access_token" && how != "its lease" && how != "an outage" {
					token = "token_id=\"\"" // its record knows the name alone
				}
				test.end(h, l)
				require.False(t, h.Pm.Accepts(l.Token()))
				lines := regexp.MustCompile(`(?m)^.*\] +credential ended: .*$`).FindAllString(h.Log.String(), -1)
				require.Len(t, lines, 1)
				for _, field := range []string{
					"[INFO]", "mount=processmaker/", "reason=" + test.reason, "role=ci", "credential_id=" + string(l.Id()), token, "entity_id=entity-1", "display_name=token-ci",
				} {
					require.Contains(t, lines[0], field)
				}
			})
		}
	}
}

// A role's end is an end of what its readers share.
func TheEndOfASharedCredentialIsOneLine(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, map[string]any{"rotation_period": "1h"})
	shared := h.Read("static-creds/ci")
	_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	require.Regexp(t, `credential ended: .*credential_id=`+shared["credential_id"].(string)+` .*reason=operator token_id=`+shared["token_id"].(string), h.Log.String())
}
