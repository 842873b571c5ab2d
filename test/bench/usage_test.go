//go:build unix

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUsageOfAProcess(t *testing.T) {
	t.Parallel()
	seconds, err := parseCPU("42 (a) b (c) S 1 42 42 0 -1 4194560 1 0 0 0 250 50 7 7 20 0 1 0 99 1 1 1")
	require.NoError(t, err)
	assert.Equal(t, 3.0, seconds)
	_, err = parseCPU("42 (a) S 1")
	require.Error(t, err)

	mib, err := parseResident([]byte("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n"))
	require.NoError(t, err)
	assert.Equal(t, 2.0, mib)
	_, err = parseResident([]byte("Name:\tx\n"))
	require.Error(t, err)

	own, err := residentMiB(os.Getpid())
	require.NoError(t, err)
	assert.Greater(t, own, 1.0)
	_, err = cpuSeconds(os.Getpid())
	require.NoError(t, err)
}
