//go:build unix

package acceptance

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// tidy gives the counts of one tidy.
func (m *mount) tidy(body fields) (ended, failed, remaining int64) {
	m.t.Helper()
	data := m.write("tidy", body).Data
	require.ElementsMatch(m.t, []string{"ended", "failed", "remaining_due"}, keys(data))
	number := func(field string) int64 {
		text, ok := data[field].(json.Number)
		require.True(m.t, ok, "%s is a %T", field, data[field])
		value, err := text.Int64()
		require.NoError(m.t, err)
		return value
	}
	return number("ended"), number("failed"), number("remaining_due")
}

// A token whose answer was lost is found by its name and ended, by whoever
// comes first: tidy or the engine's own tick.
func TestTidyEndsWhatIsDue(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	kept := m.read("ci")
	const lost = 5
	// A proxy's answer in the place of ProcessMaker's, which made the token.
	trouble := processmakertest.AnswerAfter(http.StatusInternalServerError, http.Header{"Content-Type": {"text/html"}}, "<html>")
	m.pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Times: lost, Do: trouble})
	for range lost {
		_, err := m.tryRead("ci")
		require.Error(t, err)
	}
	require.Equal(t, lost+1, m.pm.Count(processmakertest.CreateToken))
	require.Empty(t, m.unaccounted())
	_, failed, remaining := m.tidy(nil)
	assert.Zero(t, failed)
	assert.Zero(t, remaining)
	eventually(t, "the lost tokens are dead", func() bool { return len(m.livePersonalTokens()) == 1 })
	assert.True(t, m.accepts(kept.Token), "tidy ended a token that was not due")
	assert.LessOrEqual(t, m.pm.Count(processmakertest.ListTokens), lost, "a listing for each token or more")
	ended, failed, remaining := m.tidy(nil)
	assert.Equal(t, []int64{0, 0, 0}, []int64{ended, failed, remaining}, "nothing is due")
}

func TestTidyOfARoleAndOfAll(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	m.writeRole("leased", nil)
	m.writeRole("app", merge(personal, fields{"rotation_period": "1h"}))
	var ofCI, ofLeased []credential
	for range 10 {
		ofCI = append(ofCI, m.read("ci"))
	}
	for range 3 {
		ofLeased = append(ofLeased, m.read("leased"))
	}
	shared := m.get("static-creds/app")["access_token"].(string)

	requireStatus(t, m.tryWrite("tidy", fields{"role": "ci", "all": true}), http.StatusBadRequest, "not both")
	requireStatus(t, m.tryWrite("tidy", fields{"rôle": "ci"}), http.StatusBadRequest, "unknown field")
	ended, failed, remaining := m.tidy(fields{"role": "ci"})
	assert.Equal(t, []int64{10, 0, 0}, []int64{ended, failed, remaining})
	for _, c := range ofCI {
		assert.False(t, m.accepts(c.Token))
	}
	for _, c := range ofLeased {
		assert.True(t, m.accepts(c.Token))
	}
	assert.True(t, m.accepts(shared))
	// What the leases say of it: no renewal, and a revocation that has nothing to do.
	_, err := m.client.Sys().Renew(ofCI[0].LeaseID, 7200)
	requireStatus(t, err, http.StatusBadRequest, "ended")
	m.revoke(ofCI[1])
	assert.True(t, m.accepts(m.read("ci").Token), "the role goes on")

	ended, failed, remaining = m.tidy(fields{"all": true})
	assert.Equal(t, []int64{5, 0, 0}, []int64{ended, failed, remaining}, "one of ci, three leased, one shared")
	assert.Empty(t, m.livePersonalTokens())
	for _, c := range ofLeased {
		assert.False(t, m.accepts(c.Token))
	}
	assert.False(t, m.accepts(shared))
	// A credential that was ended is shared no more.
	next := m.get("static-creds/app")["access_token"].(string)
	assert.NotEqual(t, shared, next)
	assert.True(t, m.accepts(next))
	ended, _, _ = m.tidy(fields{"all": true})
	assert.Equal(t, int64(1), ended)
}

// What cannot be ended now is said, and stays known.
func TestTidyWhileProcessMakerIsDown(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	c := m.read("ci")
	m.pm.GoOffline()
	ended, failed, _ := m.tidy(fields{"all": true})
	assert.Zero(t, ended)
	assert.Equal(t, int64(1), failed)
	require.NoError(t, m.pm.GoOnline())
	assert.True(t, m.accepts(c.Token))
	eventually(t, "it is ended", func() bool {
		_, failed, _ := m.tidy(fields{"all": true})
		return failed == 0
	})
	assert.False(t, m.accepts(c.Token))
}
