package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/freeport"
)

// freeLocation is a redirect URI that nobody listens at.
func freeLocation(t *testing.T) string {
	t.Helper()
	port, err := freeport.Choose()
	require.NoError(t, err)
	return fmt.Sprintf("http://127.0.0.1:%d/oauth/callback", port)
}

// started is the program at work.
type started struct {
	lines *bufio.Scanner
	ended chan error
}

func start(ctx context.Context, arguments ...string) *started {
	reader, writer := io.Pipe()
	s := &started{lines: bufio.NewScanner(reader), ended: make(chan error, 1)}
	go func() {
		err := run(ctx, arguments, strings.NewReader(""), writer)
		writer.Close()
		s.ended <- err
	}()
	return s
}

// address waits for the one that is to be opened.
func (s *started) address(t *testing.T) string {
	t.Helper()
	for s.lines.Scan() {
		if strings.HasPrefix(s.lines.Text(), "http") {
			return s.lines.Text()
		}
	}
	t.Fatal("no address was printed:", <-s.ended)
	return ""
}

func (s *started) rest() string {
	var rest []string
	for s.lines.Scan() {
		rest = append(rest, s.lines.Text())
	}
	return strings.Join(rest, "\n")
}

func TestAPersonSignsInAtProcessMaker(t *testing.T) {
	f := newFakeVault(t)
	f.redirectURI = freeLocation(t)
	passport, err := processmakertest.PassportWanted()
	require.NoError(t, err)
	processMaker, err := processmakertest.Start(processmakertest.Config{Seed: t.Name(), Passport: passport})
	require.NoError(t, err)
	t.Cleanup(processMaker.Close)
	f.authorizationURL = processMaker.URL() + "/oauth/authorize?response_type=code&client_id=2&state=" + theState + "&redirect_uri=" + f.redirectURI

	program := start(t.Context(), "-mount", "pm", "reports")
	back, err := processMaker.SignIn(&http.Client{}, program.address(t), "alice", processMaker.User("alice").Password)
	require.NoError(t, err)
	response, err := http.Get(back.String())
	require.NoError(t, err)
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Contains(t, string(page), "You can close this window.")

	rest := program.rest()
	require.NoError(t, <-program.ended)
	assert.Contains(t, rest, "alice (ProcessMaker user 2) is signed in for role reports.")
	code := back.Query().Get("code")
	assert.Equal(t, map[string]string{"code": code, "state": theState}, f.session)
	for _, secret := range []string{code, theState, vaultToken} {
		assert.NotContains(t, rest, secret)
	}
	_, err = http.Get(f.redirectURI)
	require.Error(t, err, "nobody listens any more")
}

func TestPastingInsteadOfListening(t *testing.T) {
	f := newFakeVault(t)
	f.redirectURI = "https://vault.example/done"
	var output strings.Builder
	input := strings.NewReader(f.redirectURI + "?code=" + theCode + "&state=" + theState + "\n")
	require.NoError(t, run(t.Context(), []string{"-mount", "pm", "-no-listen", "reports"}, input, &output))
	assert.Contains(t, output.String(), "is signed in")
	assert.NotContains(t, output.String(), theCode)
	assert.NotContains(t, output.String(), vaultToken)

	f.refuse = "the sign-in has expired"
	input = strings.NewReader(f.redirectURI + "?code=" + theCode + "&state=" + theState)
	require.ErrorContains(t, run(t.Context(), []string{"-mount", "pm", "-no-listen", "reports"}, input, io.Discard), f.refuse)
}

func TestTheWaitEnds(t *testing.T) {
	f := newFakeVault(t)
	f.redirectURI = freeLocation(t)
	late := errors.New("late")
	ctx, cancel := context.WithCancelCause(t.Context())
	program := start(ctx, "-mount", "pm", "reports")
	program.address(t)
	cancel(late)
	program.rest()
	require.ErrorIs(t, <-program.ended, late)

	_, err := paste(ctx, theAttempt(), nil, blocked(t), io.Discard)
	require.ErrorIs(t, err, late)
	v, err := connect("pm", "reports")
	require.NoError(t, err)
	_, err = v.begin(ctx)
	require.ErrorIs(t, err, late)
	assert.ErrorContains(t, errTooLate, "within 10 minutes")
}

// blocked is an input that nobody types into.
func blocked(t *testing.T) io.Reader {
	t.Helper()
	reader, writer := io.Pipe()
	t.Cleanup(func() { writer.Close() })
	return reader
}

func TestWhatTheProgramCannotDo(t *testing.T) {
	f := newFakeVault(t)
	call := func(arguments ...string) error {
		return run(t.Context(), arguments, strings.NewReader(""), io.Discard)
	}
	require.ErrorContains(t, call(), "name one role")
	require.ErrorContains(t, call("one", "two"), "name one role")
	require.Error(t, call("-unknown"))
	require.ErrorIs(t, call("-h"), flag.ErrHelp)
	require.ErrorContains(t, call("-mount", "elsewhere", "reports"), "permission denied")
	f.redirectURI = "https://vault.example/done"
	require.ErrorContains(t, call("-mount", "pm", "reports"), "-no-listen")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	f.redirectURI = "http://" + listener.Addr().String()
	require.ErrorContains(t, call("-mount", "pm", "reports"), "free the port")
	t.Setenv("VAULT_TOKEN", "")
	require.ErrorContains(t, call("-mount", "pm", "reports"), "vault login")
}
