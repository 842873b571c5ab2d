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
func (m *mount) tidy() (ended, failed, remaining int64) {
	m.t.Helper()
	data := m.write("tidy", nil).Data
	require.ElementsMatch(m.t, []string{"ended", "failed", "failures", "remaining_due"}, keys(data))
	return m.number(data, "ended"), m.number(data, "failed"), m.number(data, "remaining_due")
}

// endAll gives the counts of one credentials/revoke.
func (m *mount) endAll(selection fields) (matched, ended, failed int64) {
	m.t.Helper()
	data := m.write("credentials/revoke", selection).Data
	require.ElementsMatch(m.t, []string{"matched", "ended", "failed", "failures"}, keys(data))
	return m.number(data, "matched"), m.number(data, "ended"), m.number(data, "failed")
}

func (m *mount) number(data fields, field string) int64 {
	m.t.Helper()
	text, ok := data[field].(json.Number)
	require.True(m.t, ok, "%s is a %T", field, data[field])
	value, err := text.Int64()
	require.NoError(m.t, err)
	return value
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
	_, failed, remaining := m.tidy()
	assert.Zero(t, failed)
	assert.Zero(t, remaining)
	eventually(t, "the lost tokens are dead", func() bool { return len(m.livePersonalTokens()) == 1 })
	assert.True(t, m.accepts(kept.Token), "tidy ended a token that was not due")
	assert.LessOrEqual(t, m.pm.Count(processmakertest.ListTokens), lost, "a listing for each token or more")
	ended, failed, remaining := m.tidy()
	assert.Equal(t, []int64{0, 0, 0}, []int64{ended, failed, remaining}, "nothing is due")
}

func TestEndOfARolesCredentialsAndOfAll(t *testing.T) {
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

	requireStatus(t, m.tryWrite("credentials/revoke", fields{"role": "ci", "all": true}), http.StatusBadRequest, "alone")
	requireStatus(t, m.tryWrite("credentials/revoke", fields{"rôle": "ci"}), http.StatusBadRequest, "unknown field")
	requireStatus(t, m.tryWrite("tidy", fields{"role": "ci"}), http.StatusBadRequest, "unknown field")
	matched, ended, failed := m.endAll(fields{"role": "ci"})
	assert.Equal(t, []int64{10, 10, 0}, []int64{matched, ended, failed})
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

	matched, ended, failed = m.endAll(fields{"all": true})
	assert.Equal(t, []int64{5, 5, 0}, []int64{matched, ended, failed}, "one of ci, three leased, one shared")
	assert.Empty(t, m.livePersonalTokens())
	for _, c := range ofLeased {
		assert.False(t, m.accepts(c.Token))
	}
	assert.False(t, m.accepts(shared))
	// A credential that was ended is shared no more.
	next := m.get("static-creds/app")["access_token"].(string)
	assert.NotEqual(t, shared, next)
	assert.True(t, m.accepts(next))
	_, ended, _ = m.endAll(fields{"all": true})
	assert.Equal(t, int64(1), ended)
}

// What cannot be ended now is said, and stays known.
func TestEndingAllWhileProcessMakerIsDown(t *testing.T) {
	t.Parallel()
	m := newPersonalMount(t)
	c := m.read("ci")
	m.pm.GoOffline()
	_, ended, failed := m.endAll(fields{"all": true})
	assert.Zero(t, ended)
	assert.Equal(t, int64(1), failed)
	require.NoError(t, m.pm.GoOnline())
	assert.True(t, m.accepts(c.Token))
	eventually(t, "it is ended", func() bool {
		_, _, failed := m.endAll(fields{"all": true})
		return failed == 0
	})
	assert.False(t, m.accepts(c.Token))
}
