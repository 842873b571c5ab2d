//go:build unix

package acceptance

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// secrets are texts that must not turn up anywhere, each with a name to report
// it by: a report must not show the text itself.
type secrets struct {
	mu    sync.Mutex
	names map[string]string // by fragment
}

// fragmentLength is how much of a long secret is looked for at a time. It is
// long enough to be the secret's own, and short enough to find a secret that
// was shortened or wrapped.
const fragmentLength = 40

// add puts a secret into the list, in all the shapes it may leak in.
func (s *secrets) add(name, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil {
		s.names = map[string]string{}
	}
	for _, shape := range []string{
		secret,
		url.QueryEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)),
	} {
		for _, fragment := range fragments(shape) {
			s.names[fragment] = name
		}
	}
}

// fragments gives the parts of a secret to look for. The start of a long one
// says nothing: all tokens of a kind begin alike.
func fragments(text string) []string {
	if len(text) <= fragmentLength {
		return []string{text}
	}
	var parts []string
	for at := max(0, len(text)-4*fragmentLength); at < len(text); at += fragmentLength {
		end := min(at+fragmentLength, len(text))
		parts = append(parts, text[end-min(fragmentLength, end):end])
	}
	return parts
}

// in returns the names of the secrets that a text holds.
func (s *secrets) in(text []byte) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]bool{}
	for fragment, name := range s.names {
		if !found[name] && bytes.Contains(text, []byte(fragment)) {
			found[name] = true
		}
	}
	var names []string
	for name := range found {
		names = append(names, name)
	}
	return names
}

// The list finds what it is there for, or the leak test would prove nothing.
func TestSecretsAreFound(t *testing.T) {
	t.Parallel()
	token := "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9." + strings.Repeat("0123456789abcdef", 20) + ".signature-of-the-token-that-is-long-enough"
	var s secrets
	s.add("password", "pass word/+&1")
	s.add("token", token)
	for text, want := range map[string][]string{
		`{"level":"error","msg":"login pass word/+&1 refused"}`:                   {"password"},
		"grant_type=password&password=pass+word%2F%2B%261&x=y":                    {"password"},
		base64.StdEncoding.EncodeToString([]byte("pass word/+&1")):                {"password"},
		"Authorization: Bearer " + token:                                          {"token"},
		"the end of it: " + token[len(token)-50:]:                                 {"token"},
		"its middle: " + token[len(token)-170:len(token)-70]:                      {"token"},
		"a header that all tokens share: eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.00": nil,
		"nothing": nil,
	} {
		assert.Equal(t, want, s.in([]byte(text)), text)
	}
}
