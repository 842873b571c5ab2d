package client

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHowLongAServerMayAskToBeLeftAlone(t *testing.T) {
	t.Parallel()
	date := func(in time.Duration) string { return noon.Add(in).Format(http.TimeFormat) }
	for _, test := range []struct {
		asked                  string
		throttled, unavailable time.Duration // unavailable -1 is no word
	}{
		{"", budgetWindow, -1},
		{"soon", budgetWindow, -1},
		{"-5", budgetWindow, -1},
		{"0", time.Second, 0},
		{"59", time.Minute, 59 * time.Second},
		{date(20 * time.Second), 21 * time.Second, 20 * time.Second},
		{date(-time.Hour), time.Second, 0},
		{"600", 10 * time.Minute, 10 * time.Minute},
		{"86400", 10 * time.Minute, 10 * time.Minute},
		{"9223372036854775807", 10 * time.Minute, 10 * time.Minute},
		{date(100000 * time.Hour), 10 * time.Minute, 10 * time.Minute},
	} {
		asked := header("Retry-After", test.asked)
		require.Equal(t, noon.Add(test.throttled), throttledUntil(asked, noon), test.asked)
		if test.unavailable < 0 {
			require.Zero(t, unavailableUntil(asked, noon), test.asked)
			continue
		}
		require.Equal(t, noon.Add(test.unavailable), unavailableUntil(asked, noon), test.asked)
	}
}
