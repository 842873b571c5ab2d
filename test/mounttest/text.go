package mounttest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TextOf is a file of the repository.
func TextOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
