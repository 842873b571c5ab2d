package processmakertest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// openList asks for a list of tokens and leaves the body to the test.
func (s *stage) openList(token string) *http.Response {
	s.Helper()
	request, err := http.NewRequest("GET", s.server.URL()+"/api/1.0/users/1/tokens", nil)
	require.NoError(s, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := s.client.Do(request)
	require.NoError(s, err)
	s.Cleanup(func() { response.Body.Close() })
	return response
}

func TestASlowListDelaysNothingElse(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin := s.login("admin")
	remove := s.server.SlowLists(time.Hour)
	s.personal(admin, "1", "x")
	listed := make(chan struct{})
	go func() {
		defer close(listed)
		_, _ = s.try("GET", "/api/1.0/users/1/tokens", "", "Authorization", "Bearer "+admin.access)
	}()
	until(func() bool { return s.server.Count(processmakertest.ListTokens) == 1 })
	s.refresh(admin.refresh)
	assert.False(t, s.server.Exchanges()[2].Finished)
	remove()
	s.api("GET", "users/1/tokens", s.login("admin").access, "")
	s.server.CloseConnections()
	<-listed
}

func TestAnEndlessList(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin := s.login("admin")
	s.always(processmakertest.ListTokens, processmakertest.EndlessList())
	decoder := json.NewDecoder(s.openList(admin.access).Body)
	for range 2 {
		_, err := decoder.Token() // {, "data"
		require.NoError(t, err)
	}
	_, err := decoder.Token() // [
	require.NoError(t, err)
	seen := map[string]bool{}
	for range 5000 {
		var item struct{ ID string }
		require.NoError(t, decoder.Decode(&item))
		assert.Len(t, item.ID, 80)
		seen[item.ID] = true
	}
	assert.Len(t, seen, 5000)

	assert.Equal(t, http.StatusUnauthorized, s.api("GET", "users/1/tokens", "garbage", "").status)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.server.Close()
	}()
	<-closed
}

func TestABigList(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	admin := s.login("admin")
	const size = 200_000
	s.always(processmakertest.ListTokens, processmakertest.BigList(size))
	body, err := io.ReadAll(s.openList(admin.access).Body)
	require.NoError(t, err)
	assert.InDelta(t, size, len(body), 40)
	assert.GreaterOrEqual(t, len(body), size)
	var list struct{ Data []map[string]any }
	require.NoError(t, json.Unmarshal(body, &list))
	assert.Len(t, list.Data, size/3+2)
}
