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

// Both variables name folders with recordings of the real server. They are not
// part of this repository.
const (
	transcriptsVariable   = "PROCESSMAKER_TRANSCRIPTS"
	transcripts13Variable = "PROCESSMAKER_TRANSCRIPTS_PASSPORT13"
)

// replay is how a recorded file is played to the double.
type replay struct {
	// prepare brings the server into the state of the recording and gives the
	// values of the placeholders that its requests have.
	prepare func(*stage) script
	// together sends the exchanges at the same time.
	together bool
	// left says how often the request of an exchange came before it unrecorded.
	left map[int]int
	// adjust changes the server's configuration; nil leaves it as it is.
	adjust func(*processmakertest.Config)
}

// recordings are the files of one real server.
type recordings struct {
	folder  string
	replays map[string]replay
	// outside are the files that the double does not answer, with the reason.
	outside map[string]string
	// adjust makes the double what was recorded.
	adjust func(*processmakertest.Config)
	// begin fills in the data set of the recording, and gives the placeholders
	// that mean the same in all of its files.
	begin func(*stage) script
}

func TestConformance(t *testing.T) {
	t.Parallel()
	folder := os.Getenv(transcriptsVariable)
	if folder == "" {
		t.Skipf("%s does not name a folder with recordings of a real ProcessMaker to compare with", transcriptsVariable)
	}
	recordings{
		folder: folder, replays: replays, outside: outside,
		adjust: func(*processmakertest.Config) {}, begin: (*stage).standardScript,
	}.compare(t)
}

func TestConformanceWithPassport13(t *testing.T) {
	t.Parallel()
	folder := os.Getenv(transcripts13Variable)
	if first := os.Getenv(transcriptsVariable); folder == "" && first != "" {
		beside := filepath.Join(first, "..", "transcripts-passport13")
		if _, err := os.Stat(beside); err == nil {
			folder = beside
		}
	}
	if folder == "" {
		t.Skipf("%s does not name a folder with recordings of a real ProcessMaker with Passport 13 to compare with, and none is beside that of %s",
			transcripts13Variable, transcriptsVariable)
	}
	recordings{
		folder: folder, replays: replays13, outside: outside13,
		adjust: passport13, begin: (*stage).script13,
	}.compare(t)
}

// compare plays every file of the folder.
func (r recordings) compare(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(r.folder, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "%s is a folder without recordings", r.folder)

	known := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		known[name] = true
		play, replayed := r.replays[name]
		reason, left := r.outside[name]
		switch {
		case replayed && left:
			t.Errorf("%s is both replayed and left out", name)
		case replayed:
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				play.run(t, r, readTranscript(t, file))
			})
		case left:
			assert.NotEmpty(t, reason, "%s is left out without a reason", name)
		default:
			t.Errorf("%s is in neither table", name)
		}
	}
	for name := range r.replays {
		assert.True(t, known[name], "there is no recording %s", name)
	}
	for name := range r.outside {
		assert.True(t, known[name], "there is no recording %s", name)
	}
}

func (p replay) run(t *testing.T, r recordings, file transcript) {
	s := newStage(t, func(c *processmakertest.Config) {
		c.TokenRequestsPerMinute = 60
		r.adjust(c)
		if p.adjust != nil {
			p.adjust(c)
		}
	})
	values := r.begin(s)
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
