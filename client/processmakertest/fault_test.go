package processmakertest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// hit makes one password grant meet the effect.
func (s *stage) hit(effect processmakertest.Effect) (reply, error) {
	s.server.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: effect})
	return s.tryGrant(s.passwordFields("admin"))
}

func TestEffectsThatCutTheConnection(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		effect processmakertest.Effect
		tokens int
		status int
	}{
		"refused":     {processmakertest.Refuse(), 0, 0},
		"answer lost": {processmakertest.LoseAnswer(), 1, 200},
		"truncated":   {processmakertest.Truncated(), 1, 200},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			_, err := s.hit(test.effect)
			require.Error(t, err)
			assert.Len(t, s.server.LiveTokens(), test.tokens)
			assert.Len(t, s.server.UnreadTokens(), test.tokens)
			exchange := s.lastExchange()
			assert.Equal(t, test.status, exchange.Status)
			assert.True(t, exchange.Finished)
			assert.False(t, exchange.AnswerRead)
			s.login("admin")
		})
	}
}

func TestATruncatedAnswerAnnouncesItsWholeLength(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.server.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Truncated()})
	response, err := s.client.Post(s.server.URL()+"/oauth/token", "application/json", strings.NewReader(s.grantBody(s.passwordFields("admin"))))
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, response.ContentLength/2, int64(len(content)))
}

func TestEffectsThatAnswer(t *testing.T) {
	t.Parallel()
	header := http.Header{"Content-Type": {"text/plain"}}
	cases := map[string]struct {
		effect      processmakertest.Effect
		status      int
		contentType string
		tokens      int
		unread      int
	}{
		"answer":           {processmakertest.Answer(502, header, "bad"), 502, "text/plain", 0, 0},
		"answer after":     {processmakertest.AnswerAfter(502, header, "bad"), 502, "text/plain", 1, 1},
		"page":             {processmakertest.HTMLPage(503), 503, "text/html; charset=UTF-8", 0, 0},
		"redirect":         {processmakertest.Redirect("https://elsewhere.example"), 302, "text/html; charset=utf-8", 0, 0},
		"huge":             {processmakertest.Huge(), 200, "application/json", 0, 0},
		"server error":     {processmakertest.ServerError(), 500, "application/json", 0, 0},
		"maintenance":      {processmakertest.Maintenance(7), 503, "application/json", 0, 0},
		"throttled":        {processmakertest.Throttled(9), 429, "application/json", 0, 0},
		"short delay":      {processmakertest.Delay(time.Microsecond), 200, "application/json; charset=UTF-8", 1, 0},
		"nothing":          {processmakertest.Effect{}, 200, "application/json; charset=UTF-8", 1, 0},
		"answer no header": {processmakertest.Answer(404, nil, ""), 404, "", 0, 0},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			got, err := s.hit(test.effect)
			require.NoError(t, err)
			assert.Equal(t, test.status, got.status)
			assert.Equal(t, test.contentType, got.header.Get("Content-Type"))
			assert.Len(t, s.server.LiveTokens(), test.tokens)
			assert.Len(t, s.server.UnreadTokens(), test.unread)
			assert.Equal(t, test.status, s.lastExchange().Status)
			s.login("admin")
		})
	}
}

func TestDetailsOfAnswers(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	got, err := s.hit(processmakertest.Throttled(9))
	require.NoError(t, err)
	assert.Equal(t, "9", got.header.Get("Retry-After"))
	assert.Equal(t, "60", got.header.Get("X-RateLimit-Limit"))
	assert.Equal(t, "Too Many Attempts.", got.field("message"))

	got, err = s.hit(processmakertest.Maintenance(0))
	require.NoError(t, err)
	assert.Empty(t, got.header.Values("Retry-After"))

	got, err = s.hit(processmakertest.Redirect("https://elsewhere.example"))
	require.NoError(t, err)
	assert.Equal(t, "https://elsewhere.example", got.header.Get("Location"))

	got, err = s.hit(processmakertest.Huge())
	require.NoError(t, err)
	assert.Len(t, got.body, 2<<20)
	assert.True(t, json.Valid([]byte(got.body)))

	got, err = s.hit(processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		return status + 1, []byte(strings.Replace(string(body), `"Bearer"`, `7`, 1))
	}))
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, got.status)
	assert.Contains(t, got.body, `"token_type":7`)
	assert.Len(t, s.server.LiveTokens(), 1, "what was rewritten has been processed")

	got, err = s.hit(processmakertest.Rewrite(func(r *processmakertest.Reply) {
		r.Header["Content-Type"] = nil
		r.Header.Set("X-Added", "a")
		r.Body = []byte(`{}`)
	}))
	require.NoError(t, err)
	assert.Empty(t, got.header.Values("Content-Type"))
	assert.Equal(t, "a", got.header.Get("X-Added"))
	assert.Equal(t, `{}`, got.body)
}

func TestStrayBytesFollowTheAnswer(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		s := newStage(t, func(c *processmakertest.Config) { c.TLS = secure })
		s.server.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Rewrite(func(r *processmakertest.Reply) {
			r.Status, r.Body, r.Stray = http.StatusNoContent, nil, []byte("stray")
		})})
		_, address, _ := strings.Cut(s.server.URL(), "://")
		connection, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer connection.Close()
		if secure {
			roots := x509.NewCertPool()
			require.True(t, roots.AppendCertsFromPEM([]byte(s.server.CACertPEM())))
			connection = tls.Client(connection, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})
		}
		body := s.grantBody(s.passwordFields("admin"))
		_, err = fmt.Fprintf(connection, "POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		require.NoError(t, err)
		all, err := io.ReadAll(connection)
		require.NoError(t, err)
		assert.Contains(t, string(all), "HTTP/1.1 204 ")
		assert.True(t, strings.HasSuffix(string(all), "\r\n\r\nstray"), "%q", all)
		assert.Empty(t, s.server.UnreadTokens())
	}
}

func TestFaultsHappenInOrderAndAsOftenAsTold(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.server.Inject(processmakertest.Fault{On: processmakertest.AnyToken, Times: 2, Do: processmakertest.Answer(501, nil, "")})
	remove := s.server.Inject(processmakertest.Fault{On: processmakertest.Any, Times: -1, Do: processmakertest.Answer(502, nil, "")})
	var got []int
	for range 5 {
		got = append(got, s.grant(s.passwordFields("admin")).status)
	}
	assert.Equal(t, []int{501, 501, 502, 502, 502}, got)
	assert.Equal(t, 502, s.api("GET", "users", "", "").status)
	remove()
	remove()
	s.login("admin")
}

func TestAFaultCanChooseByTheBody(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.server.Inject(processmakertest.Fault{
		On: processmakertest.PasswordGrant,
		Match: func(r *http.Request) bool {
			body, err := io.ReadAll(r.Body)
			return err == nil && strings.Contains(string(body), `"alice"`)
		},
		Do: processmakertest.Answer(502, nil, ""),
	})
	s.login("admin")
	assert.Equal(t, 502, s.grant(s.passwordFields("alice")).status)
	s.login("alice")
}

func TestADelayedRequestOfAClientThatLeavesIsNotProcessed(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.server.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Delay(time.Hour)})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "POST", s.server.URL()+"/oauth/token", strings.NewReader(s.grantBody(s.passwordFields("admin"))))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	go func() {
		until(func() bool { return s.server.Count() == 1 })
		cancel()
	}()
	_, err = s.client.Do(request)
	require.ErrorIs(t, err, context.Canceled)
	until(func() bool { return s.lastExchange().Finished })
	assert.Empty(t, s.server.LiveTokens())
	assert.Equal(t, 0, s.lastExchange().Status)
}

func TestHoldingBeforeAndAfterTheWork(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		effect func(<-chan struct{}) processmakertest.Effect
		tokens int
	}{
		"before": {processmakertest.Hold, 0},
		"after":  {processmakertest.HoldAnswer, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			release, answered := make(chan struct{}), make(chan int, 1)
			s.server.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: test.effect(release)})
			go func() {
				got, _ := s.tryGrant(s.passwordFields("admin"))
				answered <- got.status
			}()
			until(func() bool { return s.server.Count() == 1 && len(s.server.LiveTokens()) == test.tokens })
			assert.False(t, s.lastExchange().Finished)
			close(release)
			assert.Equal(t, http.StatusOK, <-answered)
			assert.Len(t, s.server.LiveTokens(), 1)
			assert.Empty(t, s.server.UnreadTokens())
		})
	}
}

func TestClosingEndsWhatIsHeld(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.server.Inject(processmakertest.Fault{On: processmakertest.Any, Times: 2, Do: processmakertest.Hold(nil)})
	failed := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := s.tryGrant(s.passwordFields("admin"))
			failed <- err
		}()
	}
	until(func() bool { return s.server.Count() == 2 })
	s.server.Close()
	require.Error(t, <-failed)
	require.Error(t, <-failed)
	assert.Empty(t, s.server.LiveTokens())
}
