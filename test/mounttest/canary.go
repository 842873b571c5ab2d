package mounttest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Canary stands in every hostile text: no answer and no log line may repeat it.
const Canary = "S3CR3T-C4N4RY"

func AsText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	require.NoError(t, err)
	return string(text) + "\n"
}
