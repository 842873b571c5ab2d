package mounttest

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Canaries are secrets that exist nowhere else, each with the name of its kind.
type Canaries struct {
	mu     sync.Mutex
	kindOf map[string]string // by what to look for
}

// tellingLength is how much of a long secret is looked for: its end, as tokens
// of a kind begin alike.
const tellingLength = 40

func (s *Canaries) Make(kind string) string {
	text := "Canary" + rand.Text()
	s.Add(kind, text)
	return text
}

func (s *Canaries) Add(kind, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kindOf == nil {
		s.kindOf = map[string]string{}
	}
	for _, shape := range []string{text, url.QueryEscape(text)} {
		s.kindOf[shape[max(0, len(shape)-tellingLength):]] = kind
		if middle := len(shape) / 2; middle > 2*tellingLength {
			s.kindOf[shape[middle:middle+tellingLength]] = kind
		}
	}
}

// In names the kinds of secrets that a text holds.
func (s *Canaries) In(text string) (kinds []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for part, kind := range s.kindOf {
		if !slices.Contains(kinds, kind) && strings.Contains(text, part) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func (s *Canaries) Kinds() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]bool{}
	for _, kind := range s.kindOf {
		all[kind] = true
	}
	return all
}

// passedToken is a token in an answer of ProcessMaker, which may be cut short.
var passedToken = regexp.MustCompile(`"(access|refresh)_?[tT]oken": ?"([^"]+)`)

// sentPassword is a password that the engine made.
var sentPassword = regexp.MustCompile(`"confpassword":"([^"]+)"`)

// Collect stands between the engine and ProcessMaker and takes down every token
// that passes, and every new password. It gives its address.
func (s *Canaries) Collect(t *testing.T, processMaker string) string {
	t.Helper()
	target, err := url.Parse(processMaker)
	require.NoError(t, err)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			body, _ := io.ReadAll(r.In.Body)
			for _, password := range sentPassword.FindAllSubmatch(body, -1) {
				s.Add("new password", string(password[1]))
			}
			r.Out.Body = io.NopCloser(bytes.NewReader(body))
		},
		ModifyResponse: func(response *http.Response) error {
			body, err := io.ReadAll(response.Body)
			for _, token := range passedToken.FindAllSubmatch(body, -1) {
				if len(token[2]) > tellingLength {
					s.Add(string(token[1])+" token", string(token[2]))
				}
			}
			response.Body = io.NopCloser(bytes.NewReader(body))
			return err
		},
		// What ProcessMaker does to the connection happens to the engine's too.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})
	t.Cleanup(server.Close)
	return server.URL
}
