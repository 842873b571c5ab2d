package credential

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestAnOutageCountsFromItsFirstFailure(t *testing.T) {
	t.Parallel()
	var log attempts
	require.Zero(t, log.failed("a", noon, false), "not an outage")
	require.Equal(t, noon.Add(time.Minute), log.failed("a", noon.Add(time.Minute), true))
	require.Zero(t, log.failed("a", noon.Add(2*time.Minute), false))
	require.Equal(t, noon.Add(time.Minute), log.failed("a", noon.Add(3*time.Minute), true))
	require.Equal(t, noon.Add(4*time.Minute), log.failed("b", noon.Add(4*time.Minute), true), "each id for itself")
	require.Equal(t, 5, log.number("a"))
	log.over("a")
	require.Equal(t, 1, log.number("a"))
	require.Equal(t, 1, log.count())
}

func TestWhatIsHopelessMayBecomeOrdinary(t *testing.T) {
	t.Parallel()
	var log attempts
	require.NoError(t, log.whyHopeless("a"))
	log.hopeless("a", noon, errors.New("damaged"))
	require.EqualError(t, log.whyHopeless("a"), "damaged")
	require.Equal(t, 2, log.number("a"))
	log.failed("a", noon, true)
	require.NoError(t, log.whyHopeless("a"))
}

func TestOldFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	var log attempts
	log.failed("old", noon, true)
	log.failed("young", noon.Add(time.Hour), true)
	log.forgetBefore(noon.Add(time.Hour))
	require.Equal(t, 1, log.number("old"))
	require.Equal(t, 2, log.number("young"))
	require.Equal(t, 1, log.count())
}
