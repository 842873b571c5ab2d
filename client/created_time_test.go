package client

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCreatedTimeInBothForms(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 3, 1, 12, 0, 1, 0, time.UTC)
	require.Equal(t, want, createdTime("2026-03-01T12:00:01.000000Z"))
	require.Equal(t, want, createdTime("2026-03-01 12:00:01"))
	require.Zero(t, createdTime("yesterday"))
}
