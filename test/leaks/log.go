package leaks

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/stretchr/testify/require"
)

// What every reader causes is at debug; an operator's log at info holds changes
// of state alone.
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
	require.NotContains(t, text, "[INFO]")
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
		lines := regexp.MustCompile(`(?m)^.*\] `+message+`: .*$`).FindAllString(h.Log.String(), -1)
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

// All lines go through one place, which says where they belong.
func NobodyLogsPastTheLog(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for _, folder := range []string{"*.go", "engine/*.go", "engine/*/*.go"} {
		files, err := filepath.Glob(folder)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text := mounttest.TextOf(t, file)
			if !strings.HasSuffix(file, "_test.go") && file != "backend.go" {
				require.NotContains(t, text, "Logger()", file)
			}
		}
	}
}
