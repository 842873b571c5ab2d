package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheProgramTellsWhatItServesAndEndsWhenInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-tls", "-ca-out", caFile, "-throttle", "60"}, writer) }()

	line, err := bufio.NewReader(reader).ReadBytes('\n')
	require.NoError(t, err)
	var told greeting
	require.NoError(t, json.Unmarshal(line, &told))
	assert.Regexp(t, `^https://127\.0\.0\.1:\d+$`, told.URL)
	assert.Equal(t, "3", told.ClientID)
	assert.Len(t, told.ClientSecret, 40)
	assert.Equal(t, account{"admin", "admin"}, told.Users[0])
	assert.Len(t, told.Clients, 6)
	written, err := os.ReadFile(caFile)
	require.NoError(t, err)
	assert.Equal(t, told.CACert, string(written))

	interrupt()
	require.NoError(t, <-ended)
}

func TestTheProgramServesCannedAnswers(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-canned"}, writer) }()
	var told greeting
	require.NoError(t, json.NewDecoder(reader).Decode(&told))
	answer, err := http.Get(told.URL + "/_test/counts")
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.NotEmpty(t, told.Users)
	interrupt()
	require.NoError(t, <-ended)
}

func TestTheProgramRefusesWhatItCannotServe(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{{"-release", "x"}, {"-tls", "-ca-out", "/nonexistent/ca.pem"}} {
		assert.Error(t, run(t.Context(), arguments, io.Discard), arguments)
	}
}
