package processmakertest_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// transcriptsVariable names the folder with the recordings of the real server.
// They are not part of this repository.
const transcriptsVariable = "PROCESSMAKER_TRANSCRIPTS"

// replay is how a recorded file is played to the double.
type replay struct {
	// prepare brings the server into the state of the recording and gives the
	// values of the placeholders that its requests have.
	prepare func(*stage) script
	// together sends the exchanges at the same time.
	together bool
	// left says how often the request of an exchange came before it unrecorded.
	left map[int]int
}

func TestConformance(t *testing.T) {
	t.Parallel()
	folder := os.Getenv(transcriptsVariable)
	if folder == "" {
		t.Skipf("%s does not name a folder with recordings of a real ProcessMaker to compare with", transcriptsVariable)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "%s names a folder without recordings", transcriptsVariable)

	known := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		known[name] = true
		play, replayed := replays[name]
		reason, left := outside[name]
		switch {
		case replayed && left:
			t.Errorf("%s is both replayed and left out", name)
		case replayed:
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				play.run(t, readTranscript(t, file))
			})
		case left:
			assert.NotEmpty(t, reason, "%s is left out without a reason", name)
		default:
			t.Errorf("%s is in neither table", name)
		}
	}
	for name := range replays {
		assert.True(t, known[name], "there is no recording %s", name)
	}
	for name := range outside {
		assert.True(t, known[name], "there is no recording %s", name)
	}
}

func (p replay) run(t *testing.T, file transcript) {
	s := newStage(t, func(c *processmakertest.Config) { c.TokenRequestsPerMinute = 60 })
	values := s.standardScript()
	if p.prepare != nil {
		for name, value := range p.prepare(s) {
			values[name] = value
		}
	}
	if values["KEEP_WINDOW"] == "" {
		// The recordings begin with a fresh count.
		s.clock.Advance(time.Minute + time.Second)
	}

	answers := make([]reply, len(file.Exchanges))
	var group sync.WaitGroup
	for i, exchange := range file.Exchanges {
		for range p.left[i] {
			s.replay(values, exchange.Request)
		}
		if !p.together {
			answers[i] = s.replay(values, exchange.Request)
			continue
		}
		group.Go(func() { answers[i] = s.replay(values, exchange.Request) })
	}
	group.Wait()

	for i, exchange := range file.Exchanges {
		values.compare(t, exchange.Response, answers[i])
	}
	for i, recorded := range file.JWT {
		token := answers[i].field("access_token") + answers[i].field("accessToken")
		if assert.NotEmpty(t, token) {
			compareJWT(t, recorded, token)
		}
	}
}

// replay sends a recorded request.
func (s *stage) replay(values script, request recordedRequest) reply {
	var headers []string
	for _, header := range request.Headers {
		headers = append(headers, header[0], values.fill(s.T, header[1]))
	}
	r, err := s.try(request.Method, values.fill(s.T, request.Path), values.fill(s.T, request.Body), headers...)
	assert.NoError(s, err)
	return r
}

// standardScript has the placeholders that mean the same in every recording.
func (s *stage) standardScript() script {
	return script{
		"BASE_URL":                      s.server.URL(),
		"PERSONAL_ACCESS_CLIENT_SECRET": s.secret(1),
		"AUTH_CODE_CLIENT_SECRET":       s.secret(2),
		"PASSWORD_CLIENT_SECRET":        s.secret(3),
		"PASSWORD2_CLIENT_SECRET":       s.secret(4),
		"NO_GRANTS_CLIENT_SECRET":       s.secret(5),
		"REVOKED_CLIENT_SECRET":         s.secret(6),
	}
}
