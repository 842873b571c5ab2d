package password

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDrawnPasswordsHaveEveryClass(t *testing.T) {
	t.Parallel()
	for range 500 {
		drawn, err := draw(rand.Reader)
		require.NoError(t, err)
		require.Len(t, drawn, Length)
		for _, class := range classes {
			require.True(t, strings.ContainsAny(drawn, class))
		}
		require.NoError(t, Fit(drawn))
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, unfit := range []string{"", "a<b", "a>b", "a{b", "a}b", " a", "a\t", "a\u00a0", "\ufeffa", "a\u200b", "a\nb", "a\x00b"} {
		require.Error(t, Fit(unfit), "%q", unfit)
	}
	for _, sound := range []string{"a", "a b", "Grün-€1", `a"b'c\d&e;f`} {
		require.NoError(t, Fit(sound), "%q", sound)
	}
}
