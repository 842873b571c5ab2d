package processmakertest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestACannedCreationHasTheFormOfItsPassport(t *testing.T) {
	t.Parallel()
	for _, version := range []int{12, 13} {
		s := newStage(t, func(c *processmakertest.Config) { c.Passport = version })
		pm, err := processmakertest.StartCanned(processmakertest.Config{Passport: version})
		require.NoError(t, err)
		t.Cleanup(pm.Close)
		answer := httptest.NewRecorder()
		pm.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/api/1.0/users/2/tokens", http.NoBody))
		var canned, full map[string]any
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&canned))
		genuine := s.api("POST", "users/1/tokens", s.login("admin").access, `{"name":"x"}`)
		require.NoError(t, json.Unmarshal([]byte(genuine.body), &full))
		assert.ElementsMatch(t, keysOf(full), keysOf(canned))
	}
	_, err := processmakertest.StartCanned(processmakertest.Config{Passport: 11})
	require.Error(t, err)
}
