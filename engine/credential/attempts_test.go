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
	var log Attempts
	require.Zero(t, log.Failed("a", noon, nil, false), "not an outage")
	require.Equal(t, noon.Add(time.Minute), log.Failed("a", noon.Add(time.Minute), nil, true))
	require.Zero(t, log.Failed("a", noon.Add(2*time.Minute), nil, false))
	require.Equal(t, noon.Add(time.Minute), log.Failed("a", noon.Add(3*time.Minute), nil, true))
	require.Equal(t, noon.Add(4*time.Minute), log.Failed("b", noon.Add(4*time.Minute), nil, true), "each id for itself")
	require.Equal(t, 5, log.Number("a"))
	log.Over("a")
	require.Equal(t, 1, log.Number("a"))
	require.Equal(t, 1, log.Len())
}

func TestWhatIsHopelessMayBecomeOrdinary(t *testing.T) {
	t.Parallel()
	var log Attempts
	require.NoError(t, log.WhyHopeless("a"))
	log.Hopeless("a", noon, errors.New("damaged"))
	require.EqualError(t, log.WhyHopeless("a"), "damaged")
	require.Equal(t, 2, log.Number("a"))
	log.Failed("a", noon, nil, true)
	require.NoError(t, log.WhyHopeless("a"))
}

func TestOldFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	var log Attempts
	log.Failed("old", noon, nil, true)
	log.Failed("young", noon.Add(time.Hour), nil, true)
	log.ForgetOld(noon.Add(time.Hour + forgetFailuresAfter))
	require.Equal(t, 1, log.Number("old"))
	require.Equal(t, 2, log.Number("young"))
	require.Equal(t, 1, log.Len())
}
