//go:build unix

package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Processor times are only comparable while both collect garbage as rarely.
func TestTheReserveIsTheProducts(t *testing.T) {
	t.Parallel()
	reserve := regexp.MustCompile(`(?m)^const spareHeap = .*$`)
	ours, err := os.ReadFile("main.go")
	require.NoError(t, err)
	products, err := os.ReadFile("../../../../main.go")
	require.NoError(t, err)
	require.NotEmpty(t, reserve.Find(products))
	require.Equal(t, string(reserve.Find(products)), string(reserve.Find(ours)))
}
