package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/scripts/audit/madelog"
)

// pageLog is the day that docs/audit.md shows.
func pageLog(l *madelog.Log) {
	l.Now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	at := func(clock string) {
		l.Now, _ = time.Parse(time.DateTime, "2026-03-01 "+clock)
	}
	carol, dave, admin, frank := l.Login("userpass", "carol"), l.Login("userpass", "dave"), l.Login("oidc", "olga"), l.Login("userpass", "frank")
	l.Do(madelog.Exchange{By: admin, Operation: "update", Path: "processmaker/roles/worker", Data: map[string]any{"ttl": "2h", "max_ttl": "24h"}})
	at("09:10:00")
	job := l.Login("approle", "builder")
	job.Who = "approle"
	built := l.Read(job, "worker", "vault-worker", 24*time.Hour)
	at("09:14:00")
	l.Revoke(job, "revoke/"+built.LeaseID, false)
	l.Ended(built, job, "lease")
	at("10:30:00")
	wrapped := l.ReadWrapped(carol, "worker", "vault-worker", 24*time.Hour)
	at("10:30:20")
	l.Unwrap(dave, wrapped)
	at("11:00:00")
	left := l.Read(dave, "worker", "vault-worker", 24*time.Hour)
	at("11:30:00")
	l.Renew(dave, left, "another")
	l.Do(madelog.Exchange{By: frank, Operation: "read", Path: "processmaker/creds/ci", Error: "1 error occurred:\n\t* permission denied\n\n"})
	at("12:05:00")
	l.Do(madelog.Exchange{By: job, Operation: "read", Path: "processmaker/creds/worker", Answer: map[string]any{"error": `role "worker": ProcessMaker cannot be reached`}, Clear: madelog.TunedKeys})
	at("12:40:00")
	l.Do(madelog.Exchange{By: admin, Operation: "update", Path: "processmaker/credentials/" + wrapped.ID + "/revoke", Took: 20 * time.Millisecond})
	l.Now = l.Now.Add(-5 * time.Millisecond)
	l.Line("credential ended", map[string]any{
		"mount": "processmaker/", "role": "worker", "credential_id": wrapped.ID, "token_id": wrapped.TokenID, "reason": "operator", "entity_id": carol.EntityID, "display_name": carol.Who,
	})
	at("13:30:00")
	l.Ended(left, dave, "lease")
	at("18:00:00")
	l.Read(job, "other", "vault-other", 24*time.Hour)
}

var (
	pageBlock   = regexp.MustCompile("(?ms)^```(\\w+)[^\n]*\n(.*?)^```$")
	pageCommand = regexp.MustCompile(`^processmaker-audit ([^\n|]*)\n$`)
)

// The commands of the page print what it shows.
func TestThePageShowsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/audit.md")
	require.NoError(t, err)
	files := made(t, pageLog)
	asked := map[string]bool{}
	blocks := pageBlock.FindAllStringSubmatch(string(page), -1)
	for i, block := range blocks {
		command := pageCommand.FindStringSubmatch(block[2])
		if block[1] != "sh" || command == nil {
			continue
		}
		arguments := strings.Fields(command[1])
		asked[arguments[0]] = true
		for at, argument := range arguments {
			for _, file := range files {
				if argument == filepath.Base(file) {
					arguments[at] = file
				}
			}
		}
		var out, errs bytes.Buffer
		require.NoError(t, run(arguments, nil, &out, &errs), block[2])
		require.Equal(t, "text", blocks[i+1][1], "%s shows no answer", block[2])
		require.Equal(t, blocks[i+1][2], out.String(), block[2])
	}
	for _, q := range questions() {
		require.True(t, asked[q.name], "the page does not ask %s", q.name)
	}
}
