package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"vault-plugin-secrets-processmaker/client/processmakertest"

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

func TestTheEnvironmentChoosesThePassport(t *testing.T) {
	for _, test := range []struct {
		variable  string
		arguments []string
		status    int
	}{
		{"", nil, http.StatusUnauthorized},
		{"13", nil, http.StatusBadRequest},
		{"", []string{"-passport", "13"}, http.StatusBadRequest},
		{"13", []string{"-passport", "12"}, http.StatusUnauthorized},
		{"", []string{"-league9"}, http.StatusBadRequest},
	} {
		t.Setenv(processmakertest.PassportVariable, test.variable)
		ctx, interrupt := context.WithCancel(t.Context())
		reader, writer := io.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, test.arguments, writer) }()
		var told greeting
		require.NoError(t, json.NewDecoder(reader).Decode(&told))
		answer, err := http.PostForm(told.URL+"/oauth/token", url.Values{
			"grant_type": {"refresh_token"}, "client_id": {told.ClientID}, "client_secret": {told.ClientSecret}, "refresh_token": {"gone"},
		})
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, test.status, answer.StatusCode, "%+v", test)
		interrupt()
		require.NoError(t, <-ended)
	}
	for _, variable := range []string{"new", "11"} {
		t.Setenv(processmakertest.PassportVariable, variable)
		require.Error(t, run(t.Context(), nil, io.Discard))
	}
}

func TestTheProgramRefusesWhatItCannotServe(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{{"-release", "x"}, {"-tls", "-ca-out", "/nonexistent/ca.pem"}} {
		assert.Error(t, run(t.Context(), arguments, io.Discard), arguments)
	}
}
