package processmakertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func newControlled(t *testing.T) *stage {
	return newStage(t, func(c *processmakertest.Config) { c.Control = true })
}

// order injects a fault as another process does.
func (s *stage) order(order string) string {
	s.Helper()
	got := s.send("POST", "/_test/faults", order)
	require.Equal(s, http.StatusOK, got.status, got.body)
	var made struct{ ID int }
	require.NoError(s, json.Unmarshal([]byte(got.body), &made))
	return fmt.Sprintf("/_test/faults/%d", made.ID)
}

func TestEveryEffectCanBeOrdered(t *testing.T) {
	t.Parallel()
	for order, want := range map[string]struct {
		status  int // 0 where the connection is cut
		content string
		tokens  int
	}{
		`"effect":"delay","duration":"1us"`:                          {200, `"Bearer"`, 1},
		`"effect":"refuse"`:                                          {0, "", 0},
		`"effect":"lose answer"`:                                     {0, "", 1},
		`"effect":"truncated"`:                                       {0, "", 1},
		`"effect":"answer","status":501,"body":"x"`:                  {501, "x", 0},
		`"effect":"answer after","status":501,"content_type":"a/b"`:  {501, "", 1},
		`"effect":"html page","status":503`:                          {503, "<!DOCTYPE", 0},
		`"effect":"redirect","location":"https://elsewhere.example"`: {302, "elsewhere", 0},
		`"effect":"huge"`:                                            {200, "xxx", 0},
		`"effect":"failed save"`:                                     {200, "false", 0},
		`"effect":"throttled","seconds":9`:                           {429, "Too Many", 0},
		`"effect":"maintenance","seconds":9`:                         {503, "Unavailable", 0},
		`"effect":"server error"`:                                    {500, "Server Error", 0},
		`"effect":"database away"`:                                   {500, "Server Error", 0},
		`"effect":"bad gateway"`:                                     {502, "nginx", 0},
		`"effect":"gateway error","status":524`:                      {524, "timeout", 1},
		`"effect":"gateway page","status":504`:                       {504, "Timeout", 0},
		`"effect":"half refresh"`:                                    {200, `"Bearer"`, 1},
		`"effect":"meet refresh","count":2`:                          {200, `"Bearer"`, 1},
		`"effect":"half creation"`:                                   {200, `"Bearer"`, 1},
		`"effect":"half creation","how":{"effect":"bad gateway"}`:    {200, `"Bearer"`, 1},
		`"effect":"endless list"`:                                    {200, `"data":[`, 1},
		`"effect":"big list","size":9`:                               {200, `"data":[{},{},{},{}]`, 1},
	} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			s := newControlled(t)
			s.order(`{"on":"any",` + order + `}`)
			if strings.Contains(order, "endless") {
				s.client.Timeout = 0
				response, err := s.client.Post(s.server.URL()+"/oauth/token", "application/json", strings.NewReader(s.grantBody(s.passwordFields("admin"))))
				require.NoError(t, err)
				defer response.Body.Close()
				start := make([]byte, len(want.content)+1)
				_, err = response.Body.Read(start)
				require.NoError(t, err)
				assert.Contains(t, string(start), want.content)
				return
			}
			got, err := s.tryGrant(s.passwordFields("admin"))
			assert.Equal(t, want.status == 0, err != nil)
			if err == nil {
				assert.Equal(t, want.status, got.status)
				assert.Contains(t, got.body, want.content)
			}
			assert.Len(t, s.server.LiveTokens(), want.tokens)
		})
	}
}

func TestOrdersThatCannotBe(t *testing.T) {
	t.Parallel()
	s := newControlled(t)
	for _, order := range []string{
		``, `{}`, `{"effect":"refuse"}`, `{"effect":"refuse","on":"everything"}`, `{"effect":"no such","on":"any"}`,
		`{"effect":"delay","on":"any"}`, `{"effect":"answer","on":"any","status":7}`,
		`{"effect":"half creation","on":"any","how":{"effect":"no such"}}`,
	} {
		got := s.send("POST", "/_test/faults", order)
		assert.Equal(t, http.StatusBadRequest, got.status, order)
		assert.NotEmpty(t, got.field("error"), order)
	}
	id := s.order(`{"effect":"refuse","on":"any"}`)
	freeze := s.order(`{"effect":"freeze","on":"any"}`)
	for _, path := range []string{"/_test/faults/99", id + "/thaw", freeze + "/melt", freeze + "/abandon?status=x"} {
		assert.Equal(t, http.StatusBadRequest, s.send("POST", path, "").status, path)
	}
	assert.Equal(t, http.StatusBadRequest, s.send("GET", freeze, "").status)
	assert.Equal(t, `[]`, strings.TrimSpace(s.send("GET", "/_test/standing", "").body))
	assert.Zero(t, s.server.Count())
}

func TestAFaultIsTakenBackByItsID(t *testing.T) {
	t.Parallel()
	s := newControlled(t)
	id := s.order(`{"effect":"bad gateway","on":"any token call","times":-1}`)
	assert.Equal(t, http.StatusBadGateway, s.grant(s.passwordFields("admin")).status)
	assert.Contains(t, s.send("GET", "/_test/faults", "").body, `{"id":1,"effect":"bad gateway","on":"any token call","times":-1,"held":0}`)
	assert.Equal(t, http.StatusOK, s.send("DELETE", id, "").status)
	s.login("admin")
	assert.Equal(t, `[]`, strings.TrimSpace(s.send("GET", "/_test/faults", "").body))
}

func TestAFreezeIsControlledFromOutside(t *testing.T) {
	t.Parallel()
	s := newControlled(t)
	id := s.order(`{"effect":"freeze","on":"password grant"}`)
	answered := make(chan int, 3)
	ask := func(name string) {
		go func() {
			got, _ := s.tryGrant(s.passwordFields(name))
			answered <- got.status
		}()
	}
	held := func(n int) {
		until(func() bool {
			return strings.Contains(s.send("GET", "/_test/faults", "").body, fmt.Sprintf(`"held":%d}`, n))
		})
	}
	ask("admin")
	held(1)
	assert.Equal(t, http.StatusOK, s.send("POST", id+"/abandon?status=504", "").status)
	assert.Equal(t, http.StatusGatewayTimeout, <-answered)
	assert.Empty(t, s.server.LiveTokens())
	assert.Contains(t, s.send("POST", id+"/carry-out", "").body, `{"carried_out":true}`)
	assert.Len(t, s.server.LiveTokens(), 1)
	assert.Contains(t, s.send("POST", id+"/carry-out", "").body, `{"carried_out":false}`)

	ask("alice")
	held(1)
	s.send("POST", id+"/pass", "")
	s.login("blocked")
	s.send("POST", id+"/thaw", "")
	assert.Equal(t, http.StatusOK, <-answered)

	id = s.order(`{"effect":"freeze","on":"password grant"}`)
	ask("inactive")
	until(func() bool { return strings.Contains(s.send("GET", "/_test/faults", "").body, `"held":1}`) })
	s.send("DELETE", id, "")
	assert.Equal(t, http.StatusOK, <-answered)
}
