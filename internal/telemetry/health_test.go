package telemetry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestWhatWentWrongIsKeptAndTheCureIsNot(t *testing.T) {
	t.Parallel()
	var roles Health
	require.Nil(t, roles.Known("ci"))
	roles.Of("ci").Failed(noon, "wrong password", "correct it", noon.Add(time.Minute))
	roles.Of("ci").Failed(noon.Add(time.Second), "no route", "", time.Time{})
	require.Equal(t, Condition{LastError: "no route", LastErrorTime: noon.Add(time.Second), Cure: "correct it", Failing: true}, roles.Known("ci").Condition())
	roles.Of("ci").Issued(noon.Add(time.Hour))
	require.Equal(t, Condition{LastIssue: noon.Add(time.Hour), LastError: "no route", LastErrorTime: noon.Add(time.Second)}, roles.Known("ci").Condition())
	roles.Forget("ci")
	require.Nil(t, roles.Known("ci"))
}

func TestOnlyChangesOfALoginAreNews(t *testing.T) {
	t.Parallel()
	var role RoleHealth
	require.False(t, role.LoggedIn(false), "it works from the start")
	require.True(t, role.LoggedIn(true))
	require.False(t, role.LoggedIn(true))
	require.True(t, role.LoggedIn(false))
}
